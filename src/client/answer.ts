// An HTTP response as a route's answer, or as the error it stands for.
import { AppError } from '../base/app-error.ts';
import { isErrorCode, type ErrorCode } from '../base/error-catalog.ts';
import { summarizeIssues, tellIssues } from '../contract/issue.ts';
import { problemSchema, type Problem } from '../contract/problem.ts';
import type { Clock } from '../base/clock.ts';
import { ARCHIVE, isEventStream, isTextType, type Route } from '../contract/route.ts';
import { readEvents } from './event-stream.ts';

// The longest list has 500 items; what sends more than this would fill the memory.
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const NOT_OURS = 'something that is not an answer of Standby';

export interface ReadDeps {
  readonly clock: Clock;
  /** Told of each piece of a document that arrives. */
  readonly onBytes: (bytes: Uint8Array) => void;
}

/** What a proxy says, by a page of its own, where the server behind it does not answer. */
const NOBODY_BEHIND: readonly number[] = [502, 503, 504];

/**
 * The body of an event stream is read as it is iterated. Throws the AppError of a problem document,
 * SERVER_UNREACHABLE where a proxy found no server, and ANSWER_UNEXPECTED for what no Standby server says.
 */
export async function readAnswer(
  route: Route,
  response: Response,
  { clock, onBytes }: ReadDeps,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const { status } = response;
  const schema = route.answers[status];
  if (schema === undefined) throw await errorOf(response);
  if (schema === null) return { status, body: null };
  if (isEventStream(schema)) return { status, body: readEvents(response, schema.events, clock) };
  if (schema === ARCHIVE) return { status, body: await readBytes(response) };
  if (isTextType(schema)) return { status, body: await readText(response) };
  const document = parseJson(await readText(response, onBytes));
  if (document === undefined) throw unexpected(response, NOT_OURS);
  const parsed = schema.safeParse(document);
  if (!parsed.success) {
    const why = summarizeIssues(tellIssues(parsed.error, document, []));
    throw unexpected(response, `an answer to ${route.id} that cannot be read (${why})`);
  }
  return { status, body: parsed.data };
}

async function errorOf(response: Response): Promise<AppError> {
  const problem = problemSchema.safeParse(parseJson(await readText(response)));
  if (problem.success) return toAppError(problem.data);
  return NOBODY_BEHIND.includes(response.status) ? away(response) : unexpected(response, NOT_OURS);
}

function toAppError(problem: Problem): AppError {
  const { type: _type, title: _title, status, code, detail, hint, ...fields } = problem;
  if (isErrorCode(code)) return new AppError(code, { detail, hint, fields });
  // A newer server knows more codes: the nearest one decides the exit status, its text is kept.
  return new AppError(nearest(status), {
    detail: `${code}: ${detail}`,
    hint,
    fields: { ...fields, server_code: code },
  });
}

function nearest(status: number): ErrorCode {
  switch (status) {
    case 401:
      return 'UNAUTHENTICATED';
    case 403:
      return 'FORBIDDEN';
    case 404:
      return 'NOT_FOUND';
    default:
      return status >= 500 ? 'INTERNAL' : 'BAD_REQUEST';
  }
}

function away(response: Response): AppError {
  const detail = `${originOf(response)} cannot be reached: what is before it says HTTP ${response.status}`;
  return new AppError('SERVER_UNREACHABLE', detail);
}

function unexpected(response: Response, what: string): AppError {
  const detail = `${originOf(response)} gave ${what}: HTTP ${response.status}`;
  return new AppError('ANSWER_UNEXPECTED', detail);
}

function originOf({ url }: Response): string {
  return url === '' ? 'the server' : new URL(url).origin;
}

async function readText(response: Response, onBytes?: ReadDeps['onBytes']): Promise<string> {
  return new TextDecoder().decode(await readBytes(response, onBytes));
}

async function readBytes(
  response: Response,
  onBytes?: ReadDeps['onBytes'],
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    onBytes?.(chunk);
    length += chunk.byteLength;
    if (length > MAX_ANSWER_BYTES) {
      throw unexpected(response, `an answer of more than ${MAX_ANSWER_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // no schema accepts it
  }
}
