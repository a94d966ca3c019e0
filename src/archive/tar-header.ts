// One 512-byte header of a tar archive, as POSIX (ustar), GNU tar and version 7 write it. Says what
// stands there; what is allowed is decided by others.
import { archiveInvalid } from './fault.ts';

export const BLOCK_BYTES = 512;

/** Where the fields stand that are read; the writer fills in the same places. */
export const FIELD = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  magic: [257, 8],
  prefix: [345, 155],
} as const satisfies Record<string, readonly [number, number]>;

export const POSIX_MAGIC = 'ustar\u000000';
const GNU_MAGIC = 'ustar  \u0000';
const VERSION_7_MAGIC = '\u0000'.repeat(8);

export interface TarHeader {
  /** The raw path, not judged yet. */
  readonly name: Buffer;
  /** The letter of the entry's type; version 7 knew NUL only. */
  readonly type: string;
  readonly size: number;
  readonly mode: number;
}

/** Throws ARCHIVE_INVALID (`header_corrupt`) unless the block is a whole and consistent header. */
export function parseTarHeader(block: Buffer): TarHeader {
  if (parseOctal(field(block, 'checksum'), 'checksum') !== checksumOf(block)) {
    throw corrupt('checksum that does not fit');
  }
  const magic = field(block, 'magic').toString('latin1');
  if (magic !== POSIX_MAGIC && magic !== GNU_MAGIC && magic !== VERSION_7_MAGIC) {
    throw corrupt('format that is not known');
  }
  const name = untilNul(field(block, 'name'));
  const prefix = magic === POSIX_MAGIC ? untilNul(field(block, 'prefix')) : Buffer.alloc(0);
  return {
    name: prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from('/'), name]),
    type: field(block, 'type').toString('latin1'),
    size: parseOctal(field(block, 'size'), 'size'),
    mode: parseOctal(field(block, 'mode'), 'mode'),
  };
}

/** The sum of all bytes, those of the checksum itself taken as spaces. */
export function checksumOf(block: Buffer): number {
  const [start, length] = FIELD.checksum;
  let sum = 0x20 * length;
  for (let at = 0; at < BLOCK_BYTES; at += 1) {
    if (at < start || at >= start + length) sum += block[at] ?? 0;
  }
  return sum;
}

function field(block: Buffer, name: keyof typeof FIELD): Buffer {
  const [start, length] = FIELD[name];
  return block.subarray(start, start + length);
}

/** Bytes after the first NUL would be a second name that other readers might take. */
function untilNul(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0);
  if (end === -1) return bytes;
  if (bytes.subarray(end).some((byte) => byte !== 0)) throw corrupt('name with a NUL inside');
  return bytes.subarray(0, end);
}

/**
 * Octal digits, then spaces or NULs. The binary form for numbers that do not fit is refused: a size
 * of 8 GiB is beyond every limit, and times and owners are not read.
 */
function parseOctal(bytes: Buffer, what: string): number {
  const text = bytes.toString('latin1');
  if (/^[\0 ]*$/.test(text)) return 0;
  const digits = /^ *([0-7]+)[\0 ]*$/.exec(text)?.[1];
  if (digits === undefined) throw corrupt(`${what} that is no octal number`);
  return Number.parseInt(digits, 8);
}

function corrupt(what: string): Error {
  return archiveInvalid({ reason: 'header_corrupt', problem: `has a header with a ${what}` });
}
