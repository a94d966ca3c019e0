// The next entry's header, put together from the blocks that say something about it: its own, and
// before it an extended header (POSIX) or a long name (GNU tar).
import type { ByteSource } from './byte-source.ts';
import { archiveInvalid, archiveTooLarge } from './fault.ts';
import type { ArchiveLimits } from './limits.ts';
import { parsePaxHeader, type PaxOverrides } from './pax-header.ts';
import { BLOCK_BYTES, parseTarHeader, type TarHeader } from './tar-header.ts';

const EXTENDED = 'x';
const GLOBAL = 'g';
const LONG_NAME = 'L';
const LONG_LINK = 'K';

const NO_BYTES = Buffer.alloc(BLOCK_BYTES);

/** Undefined at the archive's end, which was then read and verified to the last byte. */
export async function readEntryHeader(
  bytes: ByteSource,
  limits: ArchiveLimits,
): Promise<TarHeader | undefined> {
  let overrides: PaxOverrides | undefined;
  let isGlobalSeen = false;
  for (;;) {
    const block = await readBlocks(bytes, BLOCK_BYTES);
    if (block.equals(NO_BYTES)) {
      if (overrides !== undefined) throw misplaced();
      await readEnd(bytes);
      return undefined;
    }
    const header = parseTarHeader(block);
    if (header.type === GLOBAL) {
      // One before an entry is enough for every writer, and bounds how many there can be.
      if (isGlobalSeen || overrides !== undefined) throw misplaced();
      isGlobalSeen = true;
      parsePaxHeader(await readBody(bytes, header, limits), 'global');
    } else if (header.type === EXTENDED || header.type === LONG_NAME) {
      if (overrides !== undefined) throw misplaced();
      const body = await readBody(bytes, header, limits);
      overrides =
        header.type === EXTENDED ? parsePaxHeader(body, 'entry') : { path: parseLongName(body) };
    } else if (header.type === LONG_LINK) {
      throw archiveInvalid({ reason: 'symbolic_link', problem: 'holds a link with a long target' });
    } else {
      return {
        ...header,
        name: overrides?.path ?? header.name,
        size: overrides?.size ?? header.size,
      };
    }
  }
}

/** The bytes that fill up `size` bytes to whole blocks. */
export function paddingOf(size: number): number {
  return (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES;
}

/** Exactly `length` bytes, or an error. */
export async function readBlocks(bytes: ByteSource, length: number): Promise<Buffer> {
  const read = await bytes.read(length);
  if (read.length < length) throw truncatedArchive();
  return read;
}

export function truncatedArchive(path?: string): Error {
  return archiveInvalid({
    reason: 'truncated',
    problem: path === undefined ? 'ends too early' : 'is cut off: the archive ends too early',
    ...(path === undefined ? {} : { path }),
  });
}

async function readBody(
  bytes: ByteSource,
  header: TarHeader,
  limits: ArchiveLimits,
): Promise<Buffer> {
  if (header.size > limits.headerBytes) throw archiveTooLarge(limits, 'headerBytes');
  const body = await readBlocks(bytes, header.size + paddingOf(header.size));
  return body.subarray(0, header.size);
}

/** GNU tar ends it with a NUL. */
function parseLongName(body: Buffer): Buffer {
  const end = body.indexOf(0);
  if (end !== -1 && end !== body.length - 1) throw misplaced();
  return end === -1 ? body : body.subarray(0, end);
}

/** A second empty block, and then nothing but the zeros that fill up a tape's record. */
async function readEnd(bytes: ByteSource): Promise<void> {
  if (!(await readBlocks(bytes, BLOCK_BYTES)).equals(NO_BYTES)) throw afterEnd();
  for (;;) {
    const chunk = await bytes.next(BLOCK_BYTES);
    if (chunk === undefined) return;
    if (!chunk.equals(NO_BYTES.subarray(0, chunk.length))) throw afterEnd();
  }
}

function afterEnd(): Error {
  return archiveInvalid({ reason: 'trailing_data', problem: 'goes on after its end' });
}

function misplaced(): Error {
  return archiveInvalid({
    reason: 'header_corrupt',
    problem: 'has an extended header that belongs to no entry or is malformed',
  });
}
