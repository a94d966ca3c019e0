// A control plane for agents, in memory and over real HTTP: tokens, sessions, epochs and waiting
// heartbeats as the protocol has them. It knows one workspace with one agent.
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type {
  AgentHeartbeatAnswer,
  AgentHeartbeatBody,
  AgentManifest,
} from '../../src/contract/agent/protocol.ts';

export interface FakeAgentServer extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  /** Every heartbeat's body, in order. */
  readonly heartbeats: readonly AgentHeartbeatBody[];
  readonly exchanges: () => number;
  /** Hands the workspace to somebody: ends the session and answers whoever waits. */
  claim(username: string): void;
  /** Cuts every connection, answering nobody. */
  cut(): void;
}

export async function createFakeAgentServer(manifest: AgentManifest): Promise<FakeAgentServer> {
  const token = 'sba_bootstrap';
  const heartbeats: AgentHeartbeatBody[] = [];
  let exchanges = 0;
  let sessions = 0;
  let epoch = 0;
  let owner: AgentHeartbeatAnswer['owner'] = null;
  let live: { readonly session: string; readonly epoch: number } | undefined;
  const waiting = new Set<() => void>();

  const openSession = (): string => {
    live = { session: `sbs_${++sessions}`, epoch };
    return live.session;
  };

  const handle = async (request: IncomingMessage): Promise<readonly [number, unknown]> => {
    const body: unknown = JSON.parse((await readBody(request)) || 'null');
    const shown = request.headers.authorization?.replace('Bearer ', '');
    if (request.url === '/api/v1/agent/exchange') {
      if (shown !== token) return [401, {}];
      exchanges++;
      return [200, { session: openSession(), epoch }];
    }
    if (shown === undefined || shown !== live?.session || live.epoch !== epoch) return [401, {}];
    if (request.url === '/api/v1/agent/manifest') return [200, manifest];
    const beat = body as AgentHeartbeatBody;
    heartbeats.push(beat);
    const bound = live;
    if (epoch <= beat.known_epoch) await newsWithin(beat.wait_ms);
    const session = bound.epoch === epoch ? null : openSession();
    return [200, { epoch, owner, session } satisfies AgentHeartbeatAnswer];
  };

  const newsWithin = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      waiting.add(done);
    });

  const server = createServer((request, response) => {
    void handle(request).then(([status, answer]) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token,
    heartbeats,
    exchanges: () => exchanges,
    claim: (username) => {
      epoch++;
      owner = {
        id: '0199b2a4-7c3e-7abc-8def-0123456789ab',
        username,
        display_name: username.toUpperCase(),
      };
      for (const wake of [...waiting]) wake();
    },
    cut: () => {
      server.closeAllConnections();
    },
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
