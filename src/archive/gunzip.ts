// Inflates a gzip file of exactly one member, with its checksum and length verified and nothing
// after it. Node's own gunzip goes on with further members and passes over trailing bytes, so
// other tools could see other contents than we did.
import { crc32, createInflateRaw } from 'node:zlib';
import { archiveInvalid, archiveTooLarge } from './fault.ts';
import type { ArchiveLimits } from './limits.ts';

/**
 * As a stream of chunks of at most this size: all that is needed in memory unpacked. Larger ones lie about until
 * there are 64 MiB of them, for to a collector of garbage what they hold weighs little.
 */
const CHUNK_BYTES = 8 * 1024;
const TRAILER_BYTES = 8;

/** Yields the unpacked bytes; throws once a limit is passed, having inflated at most a chunk more. */
export async function* gunzip(packed: Buffer, limits: ArchiveLimits): AsyncGenerator<Buffer> {
  const body = packed.subarray(findBody(packed));
  const inflate = createInflateRaw({ chunkSize: CHUNK_BYTES });
  inflate.end(body);
  let checksum = 0;
  let unpackedBytes = 0;
  try {
    for await (const chunk of inflate as AsyncIterable<Buffer>) {
      unpackedBytes += chunk.length;
      assertSize(unpackedBytes, packed.length, limits);
      checksum = crc32(chunk, checksum);
      yield chunk;
    }
  } catch (error) {
    throw inflateFault(error);
  } finally {
    inflate.destroy();
  }
  checkTrailer(body.subarray(inflate.bytesWritten), checksum, unpackedBytes);
}

function assertSize(unpackedBytes: number, packedBytes: number, limits: ArchiveLimits): void {
  if (unpackedBytes > limits.unpackedBytes) throw archiveTooLarge(limits, 'unpackedBytes');
  if (unpackedBytes > Math.max(limits.ratioFreeBytes, limits.ratio * packedBytes)) {
    throw archiveTooLarge(limits, 'ratio');
  }
}

const FLAG_HEADER_CHECKSUM = 0x02;
const FLAG_EXTRA = 0x04;
const FLAG_NAME = 0x08;
const FLAG_COMMENT = 0x10;
const RESERVED_FLAGS = 0xe0;

/** Where the compressed body begins, after the header of RFC 1952. */
function findBody(packed: Buffer): number {
  if (packed.length < 10) {
    throw archiveInvalid({ reason: 'not_gzip', problem: 'is shorter than a gzip header' });
  }
  const flags = packed.readUInt8(3);
  if (packed.readUInt16BE(0) !== 0x1f8b || packed.readUInt8(2) !== 8 || flags & RESERVED_FLAGS) {
    throw archiveInvalid({ reason: 'not_gzip', problem: 'is not a gzip file' });
  }
  let at = 10;
  if (flags & FLAG_EXTRA) at += 2 + (at + 2 <= packed.length ? packed.readUInt16LE(at) : 0);
  if (flags & FLAG_NAME) at = afterText(packed, at);
  if (flags & FLAG_COMMENT) at = afterText(packed, at);
  if (flags & FLAG_HEADER_CHECKSUM) at += 2;
  if (at > packed.length) throw truncated();
  return at;
}

function afterText(packed: Buffer, from: number): number {
  const end = packed.indexOf(0, from);
  if (end === -1) throw truncated();
  return end + 1;
}

function checkTrailer(rest: Buffer, checksum: number, unpackedBytes: number): void {
  if (rest.length < TRAILER_BYTES) throw truncated();
  if (rest.readUInt32LE(0) !== checksum || rest.readUInt32LE(4) !== unpackedBytes % 2 ** 32) {
    throw archiveInvalid({
      reason: 'gzip_corrupt',
      problem: 'does not have the checksum and length that it states',
    });
  }
  if (rest.length > TRAILER_BYTES) {
    throw archiveInvalid({
      reason: 'trailing_data',
      problem: `goes on for ${rest.length - TRAILER_BYTES} bytes after its end`,
    });
  }
}

function truncated(cause?: unknown): Error {
  return archiveInvalid({ reason: 'truncated', problem: 'ends too early', cause });
}

/** What zlib throws, as our error; everything else as it is. */
function inflateFault(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  if (error.code === 'Z_BUF_ERROR') return truncated(error);
  if (error.code === 'Z_DATA_ERROR') {
    return archiveInvalid({
      reason: 'gzip_corrupt',
      problem: `cannot be unpacked: ${error.message}`,
      cause: error,
    });
  }
  return error;
}
