// Request bodies, read only as far as they are allowed to be long.
import type { HonoRequest } from 'hono';
import { archiveTooLarge } from '../../archive/fault.ts';
import { ARCHIVE_LIMITS } from '../../archive/limits.ts';
import { AppError } from '../../base/app-error.ts';
import { excerpt } from '../../base/excerpt.ts';
import { ARCHIVE } from '../../contract/route.ts';
import { parseJson, type JsonBody } from './json.ts';

/** How long a body may be, and what is said of one that is longer. */
interface Limit {
  readonly bytes: number;
  refuse(what: string): AppError;
}

const MAX_JSON_BYTES = 1024 * 1024;

const jsonLimit = (bytes: number): Limit => ({
  bytes,
  refuse: (what) => new AppError('BODY_TOO_LARGE', `the body may have ${bytes} bytes; ${what}`),
});
// The same words as for one that is only found too large when it is looked through.
const ARCHIVE_LIMIT: Limit = {
  bytes: ARCHIVE_LIMITS.packedBytes,
  refuse: () => archiveTooLarge(ARCHIVE_LIMITS, 'packedBytes'),
};

/** The parsed document. Text in it may still be what PostgreSQL cannot store: see refuseUnstorable. */
export async function readJsonBody(
  request: HonoRequest,
  maxBytes = MAX_JSON_BYTES,
): Promise<JsonBody> {
  requireType(request, ['application/json']);
  const limit = jsonLimit(maxBytes);
  const text = decode(
    checkAnnouncedLength(request, limit)
      ? await request.arrayBuffer()
      : await readAtMost(request, limit),
  );
  return { text, value: parseJson(text) };
}

export async function readArchiveBody(request: HonoRequest): Promise<Uint8Array> {
  requireType(request, [ARCHIVE, 'application/x-gzip']);
  checkAnnouncedLength(request, ARCHIVE_LIMIT);
  return readAtMost(request, ARCHIVE_LIMIT);
}

const UTF_8 = new TextDecoder('utf-8', { fatal: true });

function decode(bytes: ArrayBuffer | Uint8Array): string {
  try {
    return UTF_8.decode(bytes);
  } catch (error) {
    throw new AppError('MALFORMED_JSON', 'the body is not UTF-8', { cause: error });
  }
}

function requireType(request: HonoRequest, allowed: readonly string[]): void {
  const encoding = request.header('content-encoding') ?? 'identity';
  if (encoding !== 'identity') {
    throw new AppError(
      'UNSUPPORTED_MEDIA_TYPE',
      `the body must come as it is; its content encoding is ${excerpt(encoding)}`,
    );
  }
  const given = request.header('content-type');
  const type = given?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== undefined && allowed.includes(type)) return;
  const sent = given === undefined ? 'none was sent' : `${excerpt(given)} was sent`;
  throw new AppError(
    'UNSUPPORTED_MEDIA_TYPE',
    `the content type must be ${allowed[0] ?? ''}; ${sent}`,
  );
}

/** True when the length was announced, and HTTP delivers no more. Refuses a longer one already then. */
function checkAnnouncedLength(request: HonoRequest, limit: Limit): boolean {
  const announced = request.header('content-length');
  if (announced === undefined) return false;
  if (Number(announced) > limit.bytes) throw limit.refuse(`${announced} were announced`);
  return true;
}

async function readAtMost(request: HonoRequest, limit: Limit): Promise<Uint8Array> {
  if (request.raw.body === null) return new Uint8Array();
  const reader = (request.raw.body as ReadableStream<Uint8Array>).getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks, length);
    length += value.byteLength;
    // Not cancelled: that would close the connection before the answer.
    if (length > limit.bytes) throw limit.refuse('more came');
    chunks.push(value);
  }
}
