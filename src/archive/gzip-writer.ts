// Packs bytes into a gzip file that is the same on every machine (see deflate.ts).
import { crc32 } from 'node:zlib';
import { DEFLATE_BLOCK_BYTES, DEFLATE_END, deflateBlock } from './deflate.ts';

export interface GzipWriter {
  write(bytes: Buffer): void;
  /** What has been packed so far, without what waits for a whole block. */
  packedBytes(): number;
  /** The whole file; nothing can be written afterwards. */
  finish(): Buffer;
}

// No name and no time; fastest and best do not apply; made on an unknown system.
const HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);

export function createGzipWriter(): GzipWriter {
  const packed: Buffer[] = [HEADER];
  const block = Buffer.alloc(DEFLATE_BLOCK_BYTES);
  let filled = 0;
  let packedBytes = HEADER.length;
  let unpackedBytes = 0;
  let checksum = 0;

  const flush = (): void => {
    if (filled === 0) return;
    const bytes = deflateBlock(block.subarray(0, filled));
    packed.push(bytes);
    packedBytes += bytes.length;
    filled = 0;
  };

  return {
    write: (bytes) => {
      checksum = crc32(bytes, checksum);
      unpackedBytes += bytes.length;
      for (let at = 0; at < bytes.length;) {
        const count = bytes.copy(block, filled, at);
        filled += count;
        at += count;
        if (filled === block.length) flush();
      }
    },
    packedBytes: () => packedBytes,
    finish: () => {
      flush();
      const trailer = Buffer.alloc(8);
      trailer.writeUInt32LE(checksum, 0);
      trailer.writeUInt32LE(unpackedBytes % 2 ** 32, 4);
      return Buffer.concat([...packed, DEFLATE_END, trailer]);
    },
  };
}
