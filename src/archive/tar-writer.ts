// Writes tar headers that depend on nothing but the entry's path, kind and size: no times, no
// owners, and two modes only.
import type { EntryKind } from './entry-kind.ts';
import { BLOCK_BYTES, checksumOf, FIELD, POSIX_MAGIC } from './tar-header.ts';

export const TAR_END = Buffer.alloc(2 * BLOCK_BYTES);

export interface EntryToWrite {
  readonly path: string;
  readonly kind: EntryKind;
  readonly executable: boolean;
  readonly size: number;
}

/**
 * The header of an entry, with an extended one before it when the path does not fit; of a mode of its
 * own where it is for one program alone.
 */
export function renderEntryHeader(entry: EntryToWrite, ownMode?: number): Buffer {
  const path = entry.kind === 'folder' ? `${entry.path}/` : entry.path;
  const type = entry.kind === 'folder' ? '5' : '0';
  const mode = ownMode ?? (entry.kind === 'folder' || entry.executable ? 0o755 : 0o644);
  if (Buffer.byteLength(path) <= FIELD.name[1]) {
    return renderHeader({ name: path, type, mode, size: entry.size });
  }
  const record = renderPaxRecord('path', path);
  return Buffer.concat([
    renderHeader({ name: 'path', type: 'x', mode: 0o644, size: record.length }),
    padToBlocks(record),
    renderHeader({ name: 'see-path', type, mode, size: entry.size }),
  ]);
}

interface HeaderFields {
  readonly name: string;
  readonly type: string;
  readonly mode: number;
  readonly size: number;
}

function renderHeader(fields: HeaderFields): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  const put = (field: keyof typeof FIELD, text: string): void => {
    block.write(text, FIELD[field][0], FIELD[field][1], 'utf8');
  };
  const putOctal = (field: keyof typeof FIELD, value: number): void =>
    put(field, value.toString(8).padStart(FIELD[field][1] - 1, '0'));
  put('name', fields.name);
  putOctal('mode', fields.mode);
  putOctal('uid', 0);
  putOctal('gid', 0);
  putOctal('size', fields.size);
  putOctal('mtime', 0);
  put('type', fields.type);
  put('magic', POSIX_MAGIC);
  putOctal('checksum', checksumOf(block));
  return block;
}

/** `length key=value\n`, where the length counts its own digits. */
function renderPaxRecord(key: string, value: string): Buffer {
  const rest = ` ${key}=${value}\n`;
  const restLength = Buffer.byteLength(rest);
  let length = restLength + 1;
  while (String(length).length + restLength !== length) length += 1;
  return Buffer.from(`${length}${rest}`);
}

function padToBlocks(bytes: Buffer): Buffer {
  return Buffer.concat([bytes], Math.ceil(bytes.length / BLOCK_BYTES) * BLOCK_BYTES);
}
