// The API behind a socket: listening, limits on slow callers, and an end that drops no answer.
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { AppError } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { Kit } from '../../base/kit.ts';
import { createService, StopCause, type Service } from '../../base/service.ts';
import type { Api } from './api.ts';
import { answerBrokenRequest } from './broken-request.ts';

export interface HttpServer extends Service {
  /** Where it listens, with the real port. Throws before it has started. */
  address(): ListeningAddress;
}

export interface ListeningAddress {
  readonly host: string;
  readonly port: number;
  /** For callers on this machine. */
  readonly url: string;
}

export interface HttpServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** How long requests that are being answered may go on after a stop. */
  readonly drainTimeoutMs?: number;
  /** How long a caller may take to send its headers. */
  readonly headersTimeoutMs?: number;
}

// Whoever needs longer to send its headers ties up sockets rather than asks for something.
const DEFAULT_HEADERS_TIMEOUT_MS = 10_000;
// An archive of 11 MiB over 100 KiB/s.
const REQUEST_TIMEOUT_MS = 120_000;
// Longer than clients and proxies keep an idle connection, so that it is they who close it.
const KEEP_ALIVE_TIMEOUT_MS = 75_000;
const SLOW_CALLER_CHECK_MS = 2_000;
const DEFAULT_DRAIN_TIMEOUT_MS = 10_000;
const IDLE_CHECK_MS = 20;

export function createHttpServer(kit: Kit, api: Api, options: HttpServerOptions): HttpServer {
  const headersTimeout = options.headersTimeoutMs ?? DEFAULT_HEADERS_TIMEOUT_MS;
  const answer = getRequestListener((request, { incoming }) =>
    api.app.fetch(request, { hangUp: () => incoming.socket.destroy() }),
  );
  // Connections that never asked for anything, as browsers open them ahead. Node takes none of them for idle.
  const silent = new Set<Socket>();
  const server = createServer(
    {
      headersTimeout,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      connectionsCheckingInterval: Math.min(SLOW_CALLER_CHECK_MS, headersTimeout),
    },
    (incoming, outgoing) => {
      silent.delete(incoming.socket);
      void answer(incoming, outgoing);
    },
  );
  server.on('clientError', answerBrokenRequest);
  server.on('connection', (socket) => {
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
  });

  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    for (const socket of silent) socket.destroy();
    const deadline = new AbortController();
    const expired = kit.clock
      .sleep(options.drainTimeoutMs ?? DEFAULT_DRAIN_TIMEOUT_MS, deadline.signal)
      .then(
        () => server.closeAllConnections(),
        () => undefined, // all were closed in time
      );
    // A connection that falls idle after its last answer would be kept for its caller's next request.
    const idle = closeIdle(kit.clock, server, deadline.signal);
    await closed;
    deadline.abort();
    await Promise.all([expired, idle]);
  };

  const service = createService(kit.clock, {
    name: 'http',
    start: async ({ signal }) => {
      await listen(server, options);
      server.on('error', (error) => kit.log.error('http.listener_failed', { error }));
      // At once, so that long polls end and nothing new waits while others finish.
      signal.addEventListener('abort', () =>
        api.requests.stop(signal.reason instanceof Error ? signal.reason : new StopCause('stop')),
      );
    },
    stop,
  });

  return { ...service, address: () => addressOf(server) };
}

async function closeIdle(clock: Clock, server: Server, signal: AbortSignal): Promise<void> {
  for (;;) {
    server.closeIdleConnections();
    try {
      await clock.sleep(IDLE_CHECK_MS, signal);
    } catch {
      return; // all are closed
    }
  }
}

async function listen(server: Server, { host, port }: HttpServerOptions): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port }, () => {
        server.off('error', reject);
        resolve();
      });
    });
  } catch (error) {
    throw listenError(error as NodeJS.ErrnoException, `${bracketed(host)}:${port}`);
  }
}

function listenError(error: NodeJS.ErrnoException, where: string): Error {
  switch (error.code) {
    case 'EADDRINUSE':
      return new AppError('ADDRESS_IN_USE', `another program listens on ${where}`, {
        cause: error,
      });
    case 'EACCES':
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new AppError(
        'CONFIG_INVALID',
        {
          detail: `cannot listen on ${where}: ${error.message}`,
          hint: 'Choose an address of this machine and a port this user may use: --http-host, --http-port.',
        },
        { cause: error },
      );
    default:
      return error;
  }
}

function addressOf(server: Server): ListeningAddress {
  const address = server.address() as AddressInfo | null;
  if (address === null) throw new Error('the HTTP server does not listen');
  const { address: host, port } = address;
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return { host, port, url: `http://${bracketed(reachable)}:${port}` };
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
