// Claims as they come over the wire. Node's own client on kept connections: it takes less of the
// processors, which the server needs, than `fetch` does.
import { Agent, request } from 'node:http';
import { FIRST_ORGANIZATION } from '../../src/people/bootstrap.ts';
import type { Stage } from '../support/bench.ts';
import type { Claim, Claimed } from './claim-request.ts';

export function claimThroughHttp(
  stage: Stage,
  { url, connections }: { readonly url: string; readonly connections: number },
): Claim {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  stage.onEnd(() => agent.destroy());
  const to = new URL(`/api/v1/organizations/${FIRST_ORGANIZATION}/workspaces`, url);
  return ({ person, template, name }) =>
    new Promise((resolve, reject) => {
      const body = JSON.stringify({ name, template });
      const headers = {
        authorization: `Bearer ${person.token}`,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'idempotency-key': name,
      };
      const sent = request(to, { agent, method: 'POST', headers }, (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (part: string) => {
          text += part;
        });
        answer.on('error', reject);
        answer.on('end', () => {
          if (answer.statusCode !== 201) reject(new Error(`${name}: ${text}`));
          else resolve(readAnswer(text));
        });
      });
      sent.on('error', reject);
      sent.end(body);
    });
}

function readAnswer(text: string): Claimed {
  const { claimed, workspace } = JSON.parse(text) as {
    readonly claimed: boolean;
    readonly workspace: { readonly id: string };
  };
  return { claimed, workspaceId: workspace.id };
}
