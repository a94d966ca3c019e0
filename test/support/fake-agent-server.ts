// A control plane for agents, in memory and over real HTTP: tokens, sessions, epochs and waiting
// heartbeats as the protocol has them. It knows one workspace with one agent.
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LINES, renderLines } from '../../src/api/http/lines.ts';
import type {
  AgentHeartbeatAnswer,
  AgentHeartbeatBody,
  AgentManifest,
  AgentValues,
} from '../../src/contract/agent/protocol.ts';

export interface FakeAgentServer extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  /** Every heartbeat's body, in order. */
  readonly heartbeats: readonly AgentHeartbeatBody[];
  readonly exchanges: () => number;
  /** Hands the workspace to somebody: ends the session and answers whoever waits. */
  claim(username: string, gives?: Omit<AgentValues, 'epoch'> | 'expired'): void;
  /** The next exchange is answered, and a claim has ended its session before the agent can use it. */
  claimAtNextExchange(username: string): void;
  /** Cuts every connection, answering nobody. */
  cut(): void;
  /** Answers heartbeats with this, at once, as a broken proxy may; undefined: as it should. */
  garbage: { readonly status: number; readonly text: string | object } | undefined;
}

export async function createFakeAgentServer(manifest: AgentManifest): Promise<FakeAgentServer> {
  const token = 'sba_bootstrap';
  const heartbeats: AgentHeartbeatBody[] = [];
  let exchanges = 0;
  let claimer: string | undefined;
  let sessions = 0;
  let epoch = 0;
  let owner: AgentHeartbeatAnswer['owner'] = null;
  let values: Omit<AgentValues, 'epoch'> | 'expired' | undefined;
  let live: { readonly session: string; readonly epoch: number } | undefined;
  const waiting = new Set<() => void>();

  const openSession = (): string => {
    live = { session: `sbs_${++sessions}`, epoch };
    return live.session;
  };

  const claim: FakeAgentServer['claim'] = (username, gives) => {
    epoch++;
    values = gives;
    owner = {
      id: '0199b2a4-7c3e-7abc-8def-0123456789ab',
      username,
      display_name: username.toUpperCase(),
    };
    for (const wake of [...waiting]) wake();
  };

  const handle = async (request: IncomingMessage): Promise<readonly [number, unknown]> => {
    const body: unknown = JSON.parse((await readBody(request)) || 'null');
    const shown = request.headers.authorization?.replace('Bearer ', '');
    if (request.url === '/api/v1/agent/exchange') {
      if (shown !== token) return [401, {}];
      exchanges++;
      const answer = { session: openSession(), epoch };
      if (claimer !== undefined) claim(claimer);
      claimer = undefined;
      return [200, answer];
    }
    if (shown === undefined || shown !== live?.session || live.epoch !== epoch) return [401, {}];
    if (request.url === '/api/v1/agent/manifest') return [200, manifest];
    if (request.url === '/api/v1/agent/values') {
      return typeof values === 'object' ? [200, { epoch, ...values }] : [410, {}];
    }
    const beat = body as AgentHeartbeatBody;
    heartbeats.push(beat);
    if (fake.garbage !== undefined) return [fake.garbage.status, fake.garbage.text];
    const bound = live;
    if (epoch <= beat.known_epoch) await newsWithin(beat.wait_ms);
    const session = bound.epoch === epoch ? null : openSession();
    const last = heartbeats.reduce((one, next) =>
      next.applied_epoch > one.applied_epoch ? next : one,
    );
    const told = values === 'expired' ? values : values === undefined ? 'none' : 'given';
    return [
      200,
      {
        epoch,
        owner,
        applied_epoch: last.applied_epoch,
        applied_ok: last.applied_ok,
        values: told,
        session,
      } satisfies AgentHeartbeatAnswer,
    ];
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
      const inLines = request.headers.accept === LINES;
      response.writeHead(status, { 'content-type': inLines ? LINES : 'application/json' });
      const text = inLines ? renderLines(answer) : JSON.stringify(answer);
      response.end(typeof answer === 'string' ? answer : text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  const fake: FakeAgentServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token,
    heartbeats,
    exchanges: () => exchanges,
    claim,
    claimAtNextExchange: (username) => {
      claimer = username;
    },
    garbage: undefined,
    cut: () => {
      server.closeAllConnections();
    },
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return fake;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
