// HTTP to a Docker engine. Each call has a connection of its own: one that an engine closes while it
// is taken again would lose a call of which nobody knows whether it was carried out.
import http from 'node:http';
import https from 'node:https';
import { createLineSplitter } from '../../../tool/lines.ts';
import type { EngineAddress } from './address.ts';

export interface EngineCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** JSON, or a tar. */
  readonly body?: object;
  /** How long the engine may be silent. */
  readonly silenceMs?: number;
  /** Only of calls that leave nothing behind when they are cut off. */
  readonly signal?: AbortSignal;
}

export interface Transport {
  readonly address: EngineAddress;
  /** The parsed JSON of the answer; undefined for an empty one. Throws EngineRefusal and EngineAway. */
  call(call: EngineCall): Promise<unknown>;
  /** Gives each line of the answer as it comes. */
  stream(call: EngineCall, onLine: (line: string) => void): Promise<void>;
}

/** The engine answered that it did not do it. */
export class EngineRefusal extends Error {
  override readonly name = 'EngineRefusal';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The engine did not answer. */
export class EngineAway extends Error {
  override readonly name = 'EngineAway';
}

// A busy engine starts a container in tens of seconds; nothing that is asked takes minutes in silence.
const SILENCE_MS = 120_000;

/** `version` is the API's, such as v1.41; without one the engine speaks its own. */
export function createTransport(address: EngineAddress, version?: string): Transport {
  const send = (call: EngineCall): Promise<http.IncomingMessage> =>
    new Promise((resolve, reject) => {
      const { silenceMs = SILENCE_MS } = call;
      const query = new URLSearchParams(call.query).toString();
      const body = bodyOf(call);
      const options = {
        method: call.method,
        path: `${version === undefined ? '' : `/${version}`}${call.path}${query && `?${query}`}`,
        headers: { ...body.headers },
        agent: false,
        timeout: silenceMs,
        ...(call.signal === undefined ? {} : { signal: call.signal }),
      };
      const request = open(address, options);
      request.on('timeout', () =>
        request.destroy(new Error(`nothing was heard for ${silenceMs / 1000} s`)),
      );
      request.on('error', (error) => reject(asAway(error, { address, call })));
      request.on('response', resolve);
      request.end(body.bytes);
    });

  const accept = async (call: EngineCall): Promise<http.IncomingMessage> => {
    const answer = await send(call);
    const status = answer.statusCode ?? 0;
    // 304: it is so already.
    if (status < 300 || status === 304) return answer;
    throw new EngineRefusal(status, messageOf(await textOf(answer), status));
  };

  return {
    address,
    call: async (call) => {
      try {
        const text = await textOf(await accept(call));
        return text === '' ? undefined : (JSON.parse(text) as unknown);
      } catch (error) {
        throw asAway(error, { address, call });
      }
    },
    stream: async (call, onLine) => {
      try {
        const lines = createLineSplitter(onLine);
        for await (const chunk of (await accept(call)) as AsyncIterable<Buffer>) lines.add(chunk);
        lines.end();
      } catch (error) {
        throw asAway(error, { address, call });
      }
    },
  };
}

interface EngineRequest extends http.RequestOptions {
  readonly headers: Readonly<Record<string, string>>;
}

function open({ connection }: EngineAddress, options: EngineRequest): http.ClientRequest {
  if ('socketPath' in connection) {
    // A socket has no name of its own, and engines insist on one. With TLS the name is what is checked.
    const headers = { host: 'docker', ...options.headers };
    return http.request({ ...options, headers, socketPath: connection.socketPath });
  }
  const { host, port, tls } = connection;
  if (tls === undefined) return http.request({ ...options, host, port });
  // Said, because NODE_TLS_REJECT_UNAUTHORIZED=0 turns into "no" whatever is not said.
  const strict = { minVersion: 'TLSv1.2', rejectUnauthorized: true } as const;
  return https.request({ ...options, ...tls, ...strict, host, port });
}

function bodyOf({ body }: EngineCall): {
  readonly bytes: Buffer | undefined;
  readonly headers: Readonly<Record<string, string>>;
} {
  if (body === undefined) return { bytes: undefined, headers: { 'content-length': '0' } };
  const isTar = Buffer.isBuffer(body);
  const bytes = isTar ? body : Buffer.from(JSON.stringify(body));
  const type = isTar ? 'application/x-tar' : 'application/json';
  return { bytes, headers: { 'content-type': type, 'content-length': String(bytes.length) } };
}

async function textOf(answer: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8').trim();
}

function messageOf(text: string, status: number): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    if (typeof message === 'string' && message !== '') return message;
  } catch {
    // a proxy's page, say
  }
  return text === '' ? `status ${status}` : text;
}

/** What was thrown on purpose, and the reason of an abort, as they are. */
function asAway(
  error: unknown,
  { address, call }: { readonly address: EngineAddress; readonly call: EngineCall },
): Error {
  if (call.signal?.aborted === true) return call.signal.reason as Error;
  if (error instanceof EngineRefusal || error instanceof EngineAway) return error;
  const because = error instanceof Error ? error.message : String(error);
  return new EngineAway(`the Docker engine at ${address.text} does not answer: ${because}`, {
    cause: error,
  });
}
