// Claims as they come over the wire, and the end of what was claimed.
import { FIRST_ORGANIZATION } from '../../src/people/bootstrap.ts';
import type { Send } from '../support/http.ts';
import type { Claim, Claimed } from './claim-request.ts';
import type { Person } from './ground.ts';

export function claimThroughHttp(send: Send): Claim {
  return async ({ person, template, name }) =>
    readAnswer(
      await send({
        method: 'POST',
        path: `/api/v1/organizations/${FIRST_ORGANIZATION}/workspaces`,
        token: person.token,
        headers: { 'idempotency-key': name },
        body: { name, template },
        status: 201,
      }),
    );
}

/** Ends when it is asked for; a daemon takes the workspace away a moment later. */
export async function deleteThroughHttp(
  send: Send,
  { person, workspaceId }: { readonly person: Person; readonly workspaceId: string },
): Promise<void> {
  const path = `/api/v1/workspaces/${workspaceId}`;
  await send({ method: 'DELETE', path, token: person.token, status: 202 });
}

function readAnswer(text: string): Claimed {
  const { claimed, workspace } = JSON.parse(text) as {
    readonly claimed: boolean;
    readonly workspace: { readonly id: string };
  };
  return { claimed, workspaceId: workspace.id };
}
