// The typed HTTP client over the route table: what the command line, daemons, agents and other
// programs call the control plane with. It imports no server code.
import { AppError } from '../base/app-error.ts';
import { systemClock, type Clock } from '../base/clock.ts';
import { assertOutsideTransaction } from '../base/transaction-scope.ts';
import type { Route, RouteAnswer, RouteInput } from '../contract/route.ts';
import { readAnswer } from './answer.ts';
import { baseOf, buildRequest, waitMsOf, type LooseInput } from './request.ts';

export interface Client {
  /** The address every call goes to, without a slash at its end. */
  readonly url: string;
  /**
   * Calls a route and gives its answer. Throws an AppError with the server's code, or with
   * SERVER_UNREACHABLE when the answer did not arrive: the request may have been carried out then.
   * An abort of `signal` is thrown as its reason.
   */
  call<R extends Route>(
    route: R,
    input: RouteInput<R>,
    options?: CallOptions,
  ): Promise<RouteAnswer<R>>;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** How long the whole answer may take, besides what the request itself asks to wait (`wait_ms`). */
  readonly timeoutMs?: number;
}

export interface ClientOptions {
  /** Where the control plane is: http or https, with a path if it is mounted below one. */
  readonly url: string;
  readonly token?: string | undefined;
  readonly fetch?: Fetch;
  readonly clock?: Clock;
}

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

// Long enough for an archive over a slow line, short enough that a black hole is noticed.
const DEFAULT_TIMEOUT_MS = 30_000;

export function createClient(options: ClientOptions): Client {
  const url = baseOf(options.url);
  const clock = options.clock ?? systemClock;
  const send = options.fetch ?? ((to, init) => fetch(to, init));

  const call = async (
    route: Route,
    input: LooseInput,
    { signal, timeoutMs = DEFAULT_TIMEOUT_MS }: CallOptions,
  ): Promise<unknown> => {
    const request = buildRequest(route, input, options.token);
    const limitMs = timeoutMs + waitMsOf(input);
    const deadline = startDeadline(clock, limitMs, signal);
    try {
      const response = await send(url + request.path, {
        ...request.init,
        redirect: 'manual',
        signal: deadline.signal,
      });
      return await readAnswer(route, response);
    } catch (error) {
      if (error instanceof AppError) throw error;
      signal?.throwIfAborted();
      if (!deadline.signal.aborted) throw failureOf(url, error);
      const detail = `${url} cannot be reached: it did not answer within ${limitMs / 1000} s`;
      throw new AppError('SERVER_UNREACHABLE', detail, { cause: error });
    } finally {
      deadline.end();
    }
  };

  return {
    url,
    call: async <R extends Route>(route: R, input: RouteInput<R>, callOptions?: CallOptions) => {
      assertOutsideTransaction(`calling ${route.id}`);
      return (await call(route, input, callOptions ?? {})) as RouteAnswer<R>;
    },
  };
}

/** A signal that is aborted by `signal` or after `limitMs`; `end` lets go of the timer and of `signal`. */
function startDeadline(
  clock: Clock,
  limitMs: number,
  signal: AbortSignal | undefined,
): { readonly signal: AbortSignal; end(): void } {
  const request = new AbortController();
  const timer = new AbortController();
  const onAbort = (): void => request.abort(signal?.reason);
  if (signal?.aborted === true) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  clock.sleep(limitMs, timer.signal).then(
    () => request.abort(),
    () => undefined, // the call ended first
  );
  return {
    signal: request.signal,
    end: () => {
      timer.abort();
      signal?.removeEventListener('abort', onAbort);
    },
  };
}

// What the HTTP parser and the decompression say of bytes that are not theirs.
const NOT_HTTP = /^(HPE_|Z_)/;
const NOT_TLS = new Set(['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG']);

/** A call that got no answer, or none that is HTTP. */
function failureOf(url: string, error: unknown): AppError {
  const { code, message } = reasonOf(error);
  if (NOT_HTTP.test(code)) {
    const detail = `${url} gave something that is not HTTP: ${message}`;
    return new AppError('ANSWER_UNEXPECTED', detail, { cause: error });
  }
  const why = NOT_TLS.has(code) ? 'it does not speak TLS, which https needs' : message;
  return new AppError('SERVER_UNREACHABLE', `${url} cannot be reached: ${why}`, { cause: error });
}

/** What went wrong below. `fetch` hides it in the cause; an AggregateError has no message. */
function reasonOf(error: unknown): { readonly code: string; readonly message: string } {
  if (!(error instanceof Error)) return { code: '', message: String(error) };
  const cause = error.cause instanceof Error ? error.cause : error;
  const given = (cause as { code?: unknown }).code;
  const code = typeof given === 'string' ? given : '';
  return { code, message: cause.message || code || error.message };
}
