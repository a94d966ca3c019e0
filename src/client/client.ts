// The typed HTTP client over the route table: what the command line, daemons, agents and other
// programs call the control plane with. It imports no server code.
import { setMaxListeners } from 'node:events';
import { OVER } from '../base/abort.ts';
import { AppError } from '../base/app-error.ts';
import { systemClock, type Clock } from '../base/clock.ts';
import { assertOutsideTransaction } from '../base/transaction-scope.ts';
import { isEventStream, type Route, type RouteAnswer, type RouteInput } from '../contract/route.ts';
import { readAnswer } from './answer.ts';
import { aliveMsOf, baseOf, buildRequest, waitMsOf, type LooseInput } from './request.ts';

export interface Client {
  /** The address every call goes to, without a slash at its end. */
  readonly url: string;
  /**
   * What waits there has been seen to show life (`alive_ms`), so that silence tells. A proxy may hold that
   * back until the answer comes, and an older server does not know of it.
   */
  showsLife(): boolean;
  /**
   * Calls a route and gives its answer. Throws an AppError with the server's code, or with
   * SERVER_UNREACHABLE when the answer did not arrive: the request may have been carried out then.
   * An abort of `signal` is thrown as its reason. The events of a stream are to be iterated, and
   * throw the same.
   */
  call<R extends Route>(
    route: R,
    input: RouteInput<R>,
    options?: CallOptions,
  ): Promise<RouteAnswer<R>>;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /**
   * How long the whole answer may take, besides what the request itself asks to wait (`wait_ms`). Where it
   * asks to be shown life meanwhile (`alive_ms`): how late that may be.
   */
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

const BLANK = 0x20;

export function createClient(options: ClientOptions): Client {
  const url = baseOf(options.url);
  const clock = options.clock ?? systemClock;
  const send = options.fetch ?? ((to, init) => fetch(to, init));
  let showsLife = false;

  const call = async (
    route: Route,
    input: LooseInput,
    { signal, timeoutMs = DEFAULT_TIMEOUT_MS }: CallOptions,
  ): Promise<unknown> => {
    const request = buildRequest(route, input, options.token);
    const aliveMs = aliveMsOf(input);
    const silenceMs = timeoutMs + (aliveMs ?? 0);
    const deadline = startDeadline(clock, signal);
    deadline.set(aliveMs !== undefined && showsLife ? silenceMs : timeoutMs + waitMsOf(input));
    const onBytes = (bytes: Uint8Array): void => {
      if (aliveMs === undefined || !bytes.every((byte) => byte === BLANK)) return;
      showsLife = true;
      deadline.set(silenceMs);
    };
    const explain = (error: unknown): unknown => {
      if (error instanceof AppError) return error;
      if (signal?.aborted === true) return signal.reason;
      if (!deadline.signal.aborted) return failureOf(url, error);
      const detail = `${url} cannot be reached: it did not answer within ${deadline.limitMs() / 1000} s`;
      return new AppError('SERVER_UNREACHABLE', detail, { cause: error });
    };
    let goesOn = false;
    try {
      const response = await send(url + request.path, {
        ...request.init,
        redirect: 'manual',
        signal: deadline.signal,
      });
      const answer = await readAnswer(route, response, { clock, onBytes });
      if (!isEventStream(route.answers[answer.status])) return answer;
      goesOn = true;
      deadline.met();
      const events = answer.body as AsyncIterable<unknown>;
      return { ...answer, body: relay(events, { explain, end: () => deadline.end() }) };
    } catch (error) {
      throw explain(error);
    } finally {
      if (!goesOn) deadline.end();
    }
  };

  return {
    url,
    showsLife: () => showsLife,
    call: async <R extends Route>(route: R, input: RouteInput<R>, callOptions?: CallOptions) => {
      assertOutsideTransaction(`calling ${route.id}`);
      return (await call(route, input, callOptions ?? {})) as RouteAnswer<R>;
    },
  };
}

/** The events of an answer, with what their reading fails with explained; lets go at their end. */
async function* relay(
  events: AsyncIterable<unknown>,
  { explain, end }: { readonly explain: (error: unknown) => unknown; readonly end: () => void },
): AsyncGenerator<unknown, void, undefined> {
  try {
    yield* events;
  } catch (error) {
    throw explain(error);
  } finally {
    end();
  }
}

interface Deadline {
  /** Aborted by the caller's signal, and when the time is over. */
  readonly signal: AbortSignal;
  /** The time from now on; what was set before does not count any more. */
  set(limitMs: number): void;
  /** What was set last. */
  limitMs(): number;
  /** There is no limit any more. */
  met(): void;
  /** Lets go of the timer and of the caller's signal. */
  end(): void;
}

function startDeadline(clock: Clock, signal: AbortSignal | undefined): Deadline {
  const request = new AbortController();
  let timer = new AbortController();
  let limitMs = 0;
  const onAbort = (): void => request.abort(signal?.reason);
  if (signal?.aborted === true) onAbort();
  // A fleet's calls share one signal: many listeners are no leak.
  if (signal !== undefined) setMaxListeners(0, signal);
  signal?.addEventListener('abort', onAbort, { once: true });
  return {
    signal: request.signal,
    set: (newLimitMs) => {
      timer.abort(OVER);
      timer = new AbortController();
      limitMs = newLimitMs;
      clock.sleep(limitMs, timer.signal).then(
        () => request.abort(),
        () => undefined, // the call ended first
      );
    },
    limitMs: () => limitMs,
    met: () => timer.abort(OVER),
    end: () => {
      timer.abort(OVER);
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
