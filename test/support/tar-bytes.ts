// Builds tar archives byte by byte, so that a test can write what no tool would.
import { constants, deflateRawSync, gzipSync } from 'node:zlib';

export interface HeaderFields {
  readonly name: string | Buffer;
  readonly type?: string;
  /** Octal text, or a number. */
  readonly size?: number | string | Buffer;
  readonly mode?: number | string;
  readonly magic?: string;
  readonly prefix?: string;
  readonly linkname?: string;
  /** Instead of the right one. */
  readonly checksum?: string;
}

export const BLOCK = 512;
export const END = Buffer.alloc(2 * BLOCK);

export function header(fields: HeaderFields): Buffer {
  const block = Buffer.alloc(BLOCK);
  const put = (at: number, value: string | Buffer): void => {
    (typeof value === 'string' ? Buffer.from(value) : value).copy(block, at);
  };
  const octal = (value: number | string, width: number): string =>
    typeof value === 'string' ? value : value.toString(8).padStart(width - 1, '0');
  put(0, fields.name);
  put(100, octal(fields.mode ?? 0o644, 8));
  put(108, '0000000');
  put(116, '0000000');
  put(124, Buffer.isBuffer(fields.size) ? fields.size : octal(fields.size ?? 0, 12));
  put(136, '00000000000');
  put(148, '        ');
  put(156, fields.type ?? '0');
  put(157, fields.linkname ?? '');
  put(257, fields.magic ?? 'ustar\u000000');
  put(345, fields.prefix ?? '');
  let sum = 0;
  for (let at = 0; at < BLOCK; at += 1) sum += block[at] ?? 0;
  put(148, fields.checksum ?? `${sum.toString(8).padStart(6, '0')}\0 `);
  return block;
}

export function padded(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([bytes], Math.ceil(bytes.length / BLOCK) * BLOCK);
}

/** A header and its content. */
export function entry(name: string, content = '', fields: Partial<HeaderFields> = {}): Buffer {
  const size = Buffer.byteLength(content);
  return Buffer.concat([header({ name, size, ...fields }), padded(content)]);
}

export function folder(name: string, fields: Partial<HeaderFields> = {}): Buffer {
  return header({ name, type: '5', mode: 0o755, ...fields });
}

export function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(rest) + 1;
  while (Buffer.byteLength(`${length}${rest}`) !== length) length += 1;
  return `${length}${rest}`;
}

export function pax(body: string | Buffer, type = 'x'): Buffer {
  return Buffer.concat([
    header({ name: 'pax', type, size: Buffer.byteLength(body) }),
    padded(body),
  ]);
}

export function tar(...parts: readonly Buffer[]): Buffer {
  return Buffer.concat([...parts, END]);
}

export function gz(...parts: readonly Buffer[]): Buffer {
  return gzipSync(tar(...parts));
}

/**
 * A bomb: a gzip file of `before` and then `count` times the same piece, made without ever holding
 * that unpacked. Its trailer is wrong, which only who unpacks it to the end can notice.
 */
export function bomb(before: Buffer, piece: Buffer, count: number): Buffer {
  // Deflated with an empty block at its end, a piece refers to nothing before it.
  const flushed = (bytes: Buffer): Buffer =>
    deflateRawSync(bytes, { finishFlush: constants.Z_FULL_FLUSH });
  const one = flushed(piece);
  return Buffer.concat([
    Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]),
    flushed(before),
    ...Array.from({ length: count }, () => one),
    Buffer.from([0x03, 0x00]),
    Buffer.alloc(8),
  ]);
}
