// One route as something HTTP can call: who, then what, then the handler. Everything that depends on
// the route alone is made once, here.
import { z } from 'zod';
import { AppError } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import { escapeInvisible, excerpt } from '../../base/excerpt.ts';
import type { LogFields } from '../../base/log.ts';
import {
  ARCHIVE,
  isEventStream,
  isTextType,
  type Audience,
  type Route,
} from '../../contract/route.ts';
import type { CallerFor } from '../handler.ts';
import { createAuthenticate, type Authenticators } from './authenticate.ts';
import { readArchiveBody, readJsonBody } from './body.ts';
import type { OutgoingEvent } from './event-stream.ts';
import type { EventStreams } from './event-streams.ts';
import type { Answer, Exchange, HttpContext, HttpEnv } from './exchange.ts';
import { answerLate } from './late-answer.ts';
import { refuseUnstorable } from './json.ts';
import { LINES, renderLines } from './lines.ts';
import { validate } from './validate.ts';

/** A handler of some route, its types known to whoever wrote it. */
export type AnyHandler = (request: object) => Promise<{
  readonly status: number;
  readonly body: unknown;
}>;

export interface EndpointDeps {
  readonly clock: Clock;
  readonly authenticators: Authenticators;
  readonly eventStreams: EventStreams;
}

export function createEndpoint(
  { clock, authenticators, eventStreams }: EndpointDeps,
  route: Route,
  handler: AnyHandler,
): (c: HttpContext, exchange: Exchange) => Promise<Answer> {
  const isForAgents = route.audience === 'agent' || route.audience === 'agent_bootstrap';
  const authenticate = createAuthenticate(authenticators, route.audience);
  // A misspelt filter that is ignored would answer another question than was asked.
  const querySchema = (route.query ?? z.object({})).strict();
  const { params: paramsSchema, headers: headersSchema, body: bodySchema } = route;

  const readBody = async (c: HttpContext): Promise<unknown> => {
    if (bodySchema === undefined) return undefined;
    if (bodySchema === ARCHIVE) return readArchiveBody(c.req);
    const body = await readJsonBody(c.req, route.maxBodyBytes);
    // What programs report (a log line with a null byte) is mended where it is stored.
    if (route.audience === 'person') refuseUnstorable(body);
    route.checkFirst?.(body.value);
    return validate(bodySchema, 'body', body.value);
  };

  return async (c, { live, note }) => {
    const authorization = c.req.header('authorization');
    const inLines = isForAgents && c.req.header('accept') === LINES;
    const caller = await authenticate(authorization);
    const callerFields = describeCaller(route.audience, caller);
    note(callerFields);
    const params = storable('path', c.req.param());
    const query = storable('query', onlyOnce(c.req.queries()));
    const request = {
      caller,
      params: paramsSchema === undefined ? undefined : validate(paramsSchema, 'path', params),
      query: validate(querySchema, 'query', query),
      headers:
        headersSchema === undefined ? undefined : validate(headersSchema, 'header', c.req.header()),
      body: await readBody(c),
      get signal() {
        return live.signal;
      },
    };
    // Without a socket there is no such thing, whatever the framework's types say.
    const hangUp = (): void => (c.env as HttpEnv['Bindings'] | undefined)?.hangUp?.();
    const answer = async (): Promise<Answer> => {
      const { status, body } = await handler(request);
      const schema = route.answers[status];
      if (schema === undefined) throw new Error(`${route.id} has no answer ${status}`);
      if (!isEventStream(schema)) return answerOf(schema, { status, body, inLines });
      return eventStreams.open(status, body as AsyncIterable<OutgoingEvent>, {
        live,
        caller: JSON.stringify(callerFields),
        recheck: () => authenticate(authorization),
        hangUp,
      });
    };
    const aliveMs = aliveMsOf(request.body);
    if (aliveMs === undefined) return answer();
    return answerLate(clock, answer(), { aliveMs, live, hangUp });
  };
}

/** How often the caller wants to see that it is still waited for; some routes take an `alive_ms`. */
function aliveMsOf(body: unknown): number | undefined {
  const asked = (body as { readonly alive_ms?: number | null } | undefined)?.alive_ms;
  return asked ?? undefined;
}

interface Given {
  readonly status: number;
  readonly body: unknown;
  /** The caller is a shell, which cannot read JSON. */
  readonly inLines: boolean;
}

function answerOf(schema: Route['answers'][number], { status, body, inLines }: Given): Answer {
  if (schema === null) return { status, body: null };
  if (schema === ARCHIVE) {
    return { status, body: body as Uint8Array<ArrayBuffer>, contentType: ARCHIVE };
  }
  if (isTextType(schema)) return { status, body: body as string, contentType: schema };
  if (inLines) return { status, body: renderLines(body), contentType: LINES };
  return { status, body: JSON.stringify(body), contentType: 'application/json' };
}

/** Refuses the null character, which a path or query can carry and PostgreSQL cannot store. */
function storable<T extends Readonly<Record<string, string>>>(part: string, values: T): T {
  for (const [name, value] of Object.entries(values)) {
    if (value.includes('\0')) {
      const detail = `${part}.${name} is ${excerpt(value)}: it has a character that cannot be stored`;
      throw new AppError('BAD_REQUEST', detail);
    }
  }
  return values;
}

/** Refuses a parameter that stands twice in the query: one of the values would be ignored. */
function onlyOnce(
  queries: Readonly<Record<string, readonly string[]>>,
): Readonly<Record<string, string>> {
  const entries = Object.entries(queries).map(([name, [value = '', ...more]]) => {
    if (more.length > 0) {
      const values = [value, ...more].slice(0, 2).map(excerpt).join(' and ');
      throw new AppError('BAD_REQUEST', `query.${escapeInvisible(name)} is given twice: ${values}`);
    }
    return [name, value] as const;
  });
  return Object.fromEntries(entries);
}

function describeCaller(audience: Audience, caller: CallerFor<Audience> | undefined): LogFields {
  if (caller === null || caller === undefined) return {};
  if ('userId' in caller) return { user_id: caller.userId };
  if ('audience' in caller) return { ...caller };
  if ('keyId' in caller) return { provisioner_key_id: caller.keyId };
  return { audience, workspace_id: caller.workspaceId };
}
