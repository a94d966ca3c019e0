// One table of routes: the server registers them, the client calls them, and the OpenAPI document
// is made from them. A route is data; nothing here knows HTTP libraries.
import type { ErrorCode } from '../base/error-catalog.ts';
import type { z } from 'zod';

/** Who may call: a person's token, a daemon's key, an agent's tokens, whoever scrapes metrics, or anybody. */
export type Audience =
  'anyone' | 'person' | 'provisioner' | 'agent_bootstrap' | 'agent' | 'metrics';

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

export interface Route {
  /** Also the operation id of the OpenAPI document. */
  readonly id: string;
  readonly method: Method;
  /** With `{name}` for path parameters. */
  readonly path: string;
  readonly audience: Audience;
  readonly summary: string;
  readonly description?: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  /** Header names are lower case. */
  readonly headers?: z.ZodObject;
  readonly body?: z.ZodType | typeof ARCHIVE;
  /** Where a JSON body may be longer than those of other routes, or not as long. */
  readonly maxBodyBytes?: number;
  /** What a JSON body must hold to before the schema is asked; throws an AppError. */
  readonly checkFirst?: (body: unknown) => void;
  /** The answers by status; null for one without a body. */
  readonly answers: Readonly<
    Record<number, z.ZodType | typeof ARCHIVE | TextType | EventStream | null>
  >;
  /** Codes beyond those that any route may answer with. */
  readonly errors: readonly ErrorCode[];
}

/** A gzipped tar archive instead of JSON. */
export const ARCHIVE = 'application/gzip';

/** Text in the exposition format of Prometheus instead of JSON. */
export const METRICS_TEXT = 'text/plain; version=0.0.4; charset=utf-8';

/** A program for a shell instead of JSON. */
export const SHELL_SCRIPT = 'text/x-shellscript; charset=utf-8';

type TextType = typeof METRICS_TEXT | typeof SHELL_SCRIPT;

export function isTextType(answer: unknown): answer is TextType {
  return answer === METRICS_TEXT || answer === SHELL_SCRIPT;
}

/** Server-sent events instead of one document. */
export interface EventStream<Events extends EventSchemas = EventSchemas> {
  readonly kind: 'event_stream';
  /** What the data of an event is, by the event's name. */
  readonly events: Events;
}

export type EventSchemas = Readonly<Record<string, z.ZodType>>;

/** One event of a stream: its name, its data, and the position a reader resumes after. */
export type StreamEvent<Events extends EventSchemas> = {
  readonly [Name in keyof Events & string]: {
    readonly event: Name;
    readonly id: string;
    readonly data: z.output<Events[Name]>;
  };
}[keyof Events & string];

export function eventStream<const Events extends EventSchemas>(
  events: Events,
): EventStream<Events> {
  return { kind: 'event_stream', events };
}

export function isEventStream(answer: Route['answers'][number] | undefined): answer is EventStream {
  return typeof answer === 'object' && answer !== null && 'kind' in answer;
}

export function route<const R extends Route>(definition: R): R {
  return definition;
}

type Parsed<T> = T extends z.ZodType
  ? z.output<T>
  : T extends typeof ARCHIVE
    ? Uint8Array
    : T extends TextType
      ? string
      : T extends EventStream<infer Events>
        ? AsyncIterable<StreamEvent<Events>>
        : null;
type Given<T> = T extends z.ZodType ? z.input<T> : T extends typeof ARCHIVE ? Uint8Array : never;

type Part<R, K extends string> = R extends Readonly<Record<K, infer P>> ? P : undefined;

type Present<T> = { [K in keyof T as T[K] extends never ? never : K]: T[K] };

/** What a caller gives for a route, keyed by `params`, `query`, `headers` and `body`. */
export type RouteInput<R extends Route> = Present<{
  readonly [K in 'params' | 'query' | 'headers' | 'body']: Given<Part<R, K>>;
}>;

/** What a handler gets: the same, parsed and with defaults filled in. */
export type RouteRequest<R extends Route> = Present<{
  readonly [K in 'params' | 'query' | 'headers' | 'body']: Part<R, K> extends undefined
    ? never
    : Parsed<Part<R, K>>;
}>;

/** The possible answers of a route: a status and the body that belongs to it. */
export type RouteAnswer<R extends Route> = {
  readonly [S in keyof R['answers'] & number]: {
    readonly status: S;
    readonly body: Parsed<R['answers'][S]>;
  };
}[keyof R['answers'] & number];
