// A route and its input as an HTTP request.
import { AppError } from '../base/app-error.ts';
import { excerpt } from '../base/excerpt.ts';
import { ARCHIVE, isEventStream, type Route } from '../contract/route.ts';

/** Any route's input, as far as building a request needs to know it. */
export interface LooseInput {
  readonly params?: unknown;
  readonly query?: unknown;
  readonly headers?: unknown;
  readonly body?: unknown;
}

export interface BuiltRequest {
  /** Path and query. */
  readonly path: string;
  readonly init: RequestInit;
}

/** The address in the form that paths are appended to. Throws USAGE when it is none. */
export function baseOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol) || hasMore(parsed)) {
    throw new AppError('USAGE', {
      detail: `${excerpt(url)} is not the address of a server`,
      hint: 'Give an http or https URL without a user, a query or a fragment, for example http://127.0.0.1:7850.',
    });
  }
  return parsed.origin + parsed.pathname.replace(/\/+$/, '');
}

/** What would be left out of every request without a word. */
function hasMore({ username, password, search, hash }: URL): boolean {
  return [username, password, search, hash].some((part) => part !== '');
}

export function buildRequest(
  route: Route,
  input: LooseInput,
  token: string | undefined,
): BuiltRequest {
  const isStream = Object.values(route.answers).some(isEventStream);
  const headers: Record<string, string> = {
    accept: isStream ? 'text/event-stream' : 'application/json',
  };
  if (token !== undefined) headers['authorization'] = authorization(token);
  for (const [name, value] of given(input.headers)) headers[name] = String(value);
  const init: RequestInit = { method: route.method.toUpperCase(), headers };
  if (route.body === ARCHIVE) {
    headers['content-type'] = ARCHIVE;
    init.body = input.body as Uint8Array<ArrayBuffer>;
  } else if (route.body !== undefined) {
    headers['content-type'] = 'application/json';
    init.body = JSON.stringify(input.body);
  }
  return { path: fillPath(route.path, new Map(given(input.params))) + queryOf(input.query), init };
}

/** The token is not shown: it may be right but for a line end. */
function authorization(token: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return `Bearer ${token}`;
  throw new AppError(
    'UNAUTHENTICATED',
    token === '' ? 'the token is empty' : 'the token has a character in it that no token has',
  );
}

/** What the request itself asks the server to wait: some routes take a `wait_ms`, one `wait_seconds`. */
export function waitMsOf(input: LooseInput): number {
  return numberOf(input, 'wait_ms') ?? 1_000 * (numberOf(input, 'wait_seconds') ?? 0);
}

/** How often the server is asked to show that it is still at the answer: some routes take an `alive_ms`. */
export function aliveMsOf(input: LooseInput): number | undefined {
  return numberOf(input, 'alive_ms');
}

function numberOf(input: LooseInput, name: string): number | undefined {
  for (const part of [input.query, input.body]) {
    const value = new Map(part instanceof Uint8Array ? [] : given(part)).get(name);
    if (value !== undefined) return Number(value);
  }
  return undefined;
}

function fillPath(path: string, params: ReadonlyMap<string, Scalar>): string {
  return path.replace(/\{(\w+)\}/g, (_match, name: string) => {
    const value = String(params.get(name) ?? '');
    // These would change the path: an empty segment, and the two that URLs resolve.
    if (value === '' || value === '.' || value === '..') {
      throw new AppError('BAD_REQUEST', `path.${name} is "${value}": must not be empty, . or ..`);
    }
    return encodeURIComponent(value);
  });
}

function queryOf(query: unknown): string {
  const search = new URLSearchParams(
    given(query).map(([name, value]): [string, string] => [name, String(value)]),
  ).toString();
  return search === '' ? '' : `?${search}`;
}

type Scalar = string | number | boolean;

function given(part: unknown): (readonly [string, Scalar])[] {
  const values = (part ?? {}) as Readonly<Record<string, Scalar | undefined>>;
  return Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value]],
  );
}
