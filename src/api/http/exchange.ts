// One request and its answer, whatever they are about: a request id, errors as problems, and one
// wide log event.
import type { Context } from 'hono';
import { AppError, toAppError } from '../../base/app-error.ts';
import { createId } from '../../base/id.ts';
import type { Kit } from '../../base/kit.ts';
import type { LogFields } from '../../base/log.ts';
import { CallerGone, type LiveRequest, type LiveRequests } from './live-request.ts';
import { renderProblem } from './problem.ts';

export interface Answer {
  readonly status: number;
  readonly body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null;
  /** Left out with a body of null. */
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Of a body that is still being written: resolves at its end, with what is known of it. Never rejects. */
  readonly ended?: Promise<LogFields>;
}

export interface Exchange {
  readonly live: LiveRequest;
  /** Adds what is known by now to the log event. */
  readonly note: (fields: LogFields) => void;
}

/** What the server knows of the connection; nothing when there is none. */
export interface HttpEnv {
  readonly Bindings: { hangUp?(): void };
}

/** A request as hono gives it. */
export type HttpContext = Context<HttpEnv, string>;

type Work = (c: HttpContext, exchange: Exchange) => Promise<Answer>;

export interface ExchangeOptions {
  /** The route's id, or what stands for one. */
  readonly route: string;
  /** For requests that nobody wants to read about, such as those of health checks. */
  readonly quiet?: boolean;
}

interface ExchangeDeps {
  readonly kit: Kit;
  readonly requests: LiveRequests;
}

// One of a caller is kept, so that its log and ours can be joined; anything else could forge lines.
const REQUEST_ID = /^[\w-]{8,64}$/;

export function createExchange(
  deps: ExchangeDeps,
  { route, quiet = false }: ExchangeOptions,
  work: Work,
): (c: HttpContext) => Promise<Response> {
  const { clock, log } = deps.kit;
  return async (c) => {
    const startedMs = clock.monotonicMs();
    const given = c.req.header('x-request-id');
    const requestId = given !== undefined && REQUEST_ID.test(given) ? given : createId(deps.kit);
    const live = deps.requests.begin(() => c.req.raw.signal);
    let known: LogFields = {};
    const note = (fields: LogFields): void => {
      known = { ...known, ...fields };
    };

    let answer: Answer;
    try {
      answer = await work(c, { live, note });
    } catch (thrown) {
      const error = normalize(thrown, deps.requests);
      note({ code: error.code });
      if (error.code === 'INTERNAL') {
        log.error('request.failed', { request_id: requestId, route, error: error.cause ?? error });
      }
      answer = renderProblem(error, requestId);
    }

    const end = (more: LogFields): void => {
      live.end();
      const fields = {
        request_id: requestId,
        route,
        method: c.req.method,
        path: c.req.path,
        status: answer.status,
        duration_ms: Math.round((clock.monotonicMs() - startedMs) * 100) / 100,
        ...known,
        ...more,
      };
      if (quiet) log.debug('request.answered', fields);
      else log.info('request.answered', fields);
    };
    if (answer.ended === undefined) end({});
    else void answer.ended.then(end);
    return respond(answer, { requestId, stopping: deps.requests.stopping });
  };
}

/** Whatever a handler threw, as the one error the caller is told. */
function normalize(thrown: unknown, requests: LiveRequests): AppError {
  if (thrown instanceof AppError) return thrown;
  // Waiting that was ended ends in the reason of its signal.
  if (thrown instanceof CallerGone || requests.stopping) {
    return new AppError('SERVER_STOPPING', 'the server ended this request before it was answered', {
      cause: thrown,
    });
  }
  return toAppError(thrown);
}

function respond(
  answer: Answer,
  about: { readonly requestId: string; readonly stopping: boolean },
): Response {
  const headers: Record<string, string> = { 'x-request-id': about.requestId, ...answer.headers };
  if (answer.contentType !== undefined) headers['content-type'] = answer.contentType;
  // A kept connection would outlive the listener.
  if (about.stopping) headers['connection'] = 'close';
  return new Response(answer.body, { status: answer.status, headers });
}
