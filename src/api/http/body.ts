// Request bodies, read only as far as they are allowed to be long.
import type { HonoRequest } from 'hono';
import { AppError } from '../../base/app-error.ts';
import { excerpt } from '../../base/excerpt.ts';
import { ARCHIVE } from '../../contract/route.ts';

const MIB = 1024 * 1024;
export const MAX_JSON_BYTES = MIB;
// One more than a packed template may have, so that an archive that is too large is called so, with
// its size, by whoever knows the limit.
export const MAX_ARCHIVE_BYTES = 11 * MIB;

/** The parsed document. Text in it may still be what PostgreSQL cannot store: see refuseUnstorable. */
export async function readJsonBody(
  request: HonoRequest,
  maxBytes = MAX_JSON_BYTES,
): Promise<JsonBody> {
  requireType(request, ['application/json']);
  const text = checkAnnouncedLength(request, maxBytes)
    ? await request.text()
    : new TextDecoder().decode(await readAtMost(request, maxBytes));
  return { text, value: parseJson(text) };
}

export interface JsonBody {
  readonly text: string;
  readonly value: unknown;
}

export async function readArchiveBody(request: HonoRequest): Promise<Uint8Array> {
  requireType(request, [ARCHIVE, 'application/x-gzip']);
  checkAnnouncedLength(request, MAX_ARCHIVE_BYTES);
  return readAtMost(request, MAX_ARCHIVE_BYTES);
}

function requireType(request: HonoRequest, allowed: readonly string[]): void {
  const given = request.header('content-type');
  const type = given?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== undefined && allowed.includes(type)) return;
  const sent = given === undefined ? 'none was sent' : `${excerpt(given)} was sent`;
  throw new AppError(
    'UNSUPPORTED_MEDIA_TYPE',
    `the content type must be ${allowed[0] ?? ''}; ${sent}`,
  );
}

/** True when the length was announced, and HTTP delivers no more. Throws BODY_TOO_LARGE already then. */
function checkAnnouncedLength(request: HonoRequest, maxBytes: number): boolean {
  const announced = request.header('content-length');
  if (announced === undefined) return false;
  if (Number(announced) > maxBytes) throw tooLarge(maxBytes, `${announced} were announced`);
  return true;
}

async function readAtMost(request: HonoRequest, maxBytes: number): Promise<Uint8Array> {
  if (request.raw.body === null) return new Uint8Array();
  const reader = (request.raw.body as ReadableStream<Uint8Array>).getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks, length);
    length += value.byteLength;
    // Not cancelled: that would close the connection before the answer.
    if (length > maxBytes) throw tooLarge(maxBytes, 'more came');
    chunks.push(value);
  }
}

function tooLarge(maxBytes: number, what: string): AppError {
  return new AppError('BODY_TOO_LARGE', `the body may have ${maxBytes} bytes; ${what}`);
}

// What JSON can say and PostgreSQL cannot store: the null character and half a surrogate pair.
const SUSPECT = /\\u(?:0000|d[89a-f])/i;
const UNSTORABLE = /\0|\p{Surrogate}/u;

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const detail = text === '' ? 'the body is empty' : (error as SyntaxError).message;
    throw new AppError('MALFORMED_JSON', detail, { cause: error });
  }
}

/** Throws BAD_REQUEST for a body with such characters; whoever means them as text is told so. */
export function refuseUnstorable({ text, value }: JsonBody): void {
  if (!SUSPECT.test(text)) return;
  JSON.stringify(value, (key, inner: unknown) => {
    for (const part of [key, inner]) {
      if (typeof part === 'string' && UNSTORABLE.test(part)) {
        throw new AppError('BAD_REQUEST', `${excerpt(part)} has a character that cannot be stored`);
      }
    }
    return inner;
  });
}
