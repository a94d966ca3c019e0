// The agent's calls to the control plane, over plain node:http to stay small.
import http from 'node:http';
import https from 'node:https';
import type {
  AgentHeartbeatAnswer,
  AgentHeartbeatBody,
  AgentManifest,
  AgentValues,
  ExchangeAnswer,
} from '../contract/agent/protocol.ts';
import { isAgentValues, isExchangeAnswer, isHeartbeatAnswer, isManifest } from './answer.ts';
import type { AgentSettings } from './settings.ts';

export interface ControlPlane {
  exchange(signal: AbortSignal): Promise<ExchangeAnswer>;
  manifest(session: string, signal: AbortSignal): Promise<AgentManifest>;
  /** Throws Gone. */
  values(session: string, signal: AbortSignal): Promise<AgentValues>;
  heartbeat(
    session: string,
    body: AgentHeartbeatBody,
    signal: AbortSignal,
  ): Promise<AgentHeartbeatAnswer>;
}

/** The token that was shown is not, or no longer, good. */
export class Unauthorized extends Error {
  override readonly name = 'Unauthorized';
}

/** What was asked for is not there any more. */
export class Gone extends Error {
  override readonly name = 'Gone';
}

// Beyond the time the server was asked to wait; a connection that is silent for longer is dead.
const ANSWER_TIMEOUT_MS = 15_000;
// The values of an owner, escaped in the worst way; every other answer is a few hundred bytes.
const MAX_ANSWER_BYTES = 2_000_000;

export function createControlPlane(settings: AgentSettings): ControlPlane {
  return {
    exchange: (signal) =>
      call(settings, isExchangeAnswer, {
        method: 'POST',
        path: '/api/v1/agent/exchange',
        token: settings.bootstrapToken(),
        body: { agent: settings.agent },
        waitMs: 0,
        signal,
      }),
    manifest: (session, signal) =>
      call(settings, isManifest, {
        method: 'GET',
        path: '/api/v1/agent/manifest',
        token: session,
        waitMs: 0,
        signal,
      }),
    values: (session, signal) =>
      call(settings, isAgentValues, {
        method: 'GET',
        path: '/api/v1/agent/values',
        token: session,
        waitMs: 0,
        signal,
      }),
    heartbeat: async (session, body, signal) => ({
      applied_ok: true,
      ...(await call(settings, isHeartbeatAnswer, {
        method: 'POST',
        path: '/api/v1/agent/heartbeat',
        token: session,
        body,
        waitMs: body.wait_ms,
        signal,
      })),
    }),
  };
}

interface Call {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly token: string;
  readonly body?: unknown;
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

async function call<T>(
  settings: AgentSettings,
  isAnswer: (body: unknown) => body is T,
  wanted: Call,
): Promise<T> {
  const { status, text } = await request(new URL(wanted.path, settings.url()), wanted);
  if (status === 401) throw new Unauthorized(`${wanted.path} answered 401`);
  if (status === 410) throw new Gone(`${wanted.path} answered 410`);
  if (status !== 200) throw new Error(`${wanted.path} answered ${status}: ${text.slice(0, 500)}`);
  const body: unknown = JSON.parse(text);
  // Not shown: it may hold a session.
  if (!isAnswer(body)) throw new Error(`${wanted.path} answered something else than Standby does`);
  return body;
}

function request(
  url: URL,
  wanted: Call,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const payload = wanted.body === undefined ? undefined : JSON.stringify(wanted.body);
    const { request: send } = url.protocol === 'https:' ? https : http;
    const sent = send(
      url,
      {
        method: wanted.method,
        signal: wanted.signal,
        timeout: wanted.waitMs + ANSWER_TIMEOUT_MS,
        headers: {
          authorization: `Bearer ${wanted.token}`,
          ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > MAX_ANSWER_BYTES) sent.destroy(new Error(`${url.pathname} answers too much`));
          else chunks.push(chunk);
        });
        response.on('end', () => {
          resolve({
            status: response.statusCode ?? 0,
            text: Buffer.concat(chunks).toString('utf8'),
          });
        });
        response.on('error', reject);
      },
    );
    sent.on('timeout', () => sent.destroy(new Error(`${url.pathname} did not answer in time`)));
    sent.on('error', reject);
    sent.end(payload);
  });
}
