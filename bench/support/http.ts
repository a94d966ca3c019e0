// Requests as they come over the wire. Node's own client on kept connections: it takes less of the
// processors, which the server needs, than `fetch` does.
import { Agent, request } from 'node:http';
import type { Stage } from './bench.ts';

export interface Sent {
  readonly method: 'POST' | 'DELETE';
  readonly path: string;
  readonly token: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Any other status is an error. */
  readonly status: number;
}

/** Gives the text of the answer. */
export type Send = (sent: Sent) => Promise<string>;

export interface HttpOptions {
  readonly url: string;
  readonly connections: number;
}

export function openHttp(stage: Stage, { url, connections }: HttpOptions): Send {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  stage.onEnd(() => agent.destroy());
  return ({ method, path, token, headers = {}, body, status }) =>
    new Promise((resolve, reject) => {
      const payload = body === undefined ? undefined : JSON.stringify(body);
      const content =
        payload === undefined
          ? {}
          : {
              'content-type': 'application/json',
              'content-length': Buffer.byteLength(payload),
            };
      const sent = request(
        new URL(path, url),
        {
          ...{ agent, method },
          headers: { authorization: `Bearer ${token}`, ...content, ...headers },
        },
        (answer) => {
          let text = '';
          answer.setEncoding('utf8');
          answer.on('data', (part: string) => {
            text += part;
          });
          answer.on('error', reject);
          answer.on('end', () => {
            if (answer.statusCode === status) resolve(text);
            else reject(new Error(`${method} ${path}: ${text}`));
          });
        },
      );
      sent.on('error', reject);
      sent.end(payload);
    });
}
