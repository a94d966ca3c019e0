// Reads a tar.gz strictly: regular files and folders with plain paths, within the limits, and
// nothing else. What it yields is safe to write below any folder.
import { createByteSource, type ByteSource } from './byte-source.ts';
import { paddingOf, readBlocks, readEntryHeader, truncatedArchive } from './entry-header.ts';
import { parseEntryPath } from './entry-path.ts';
import { judgeKind, type EntryKind } from './entry-kind.ts';
import { createEntryTree } from './entry-tree.ts';
import { archiveTooLarge } from './fault.ts';
import { gunzip } from './gunzip.ts';
import { ARCHIVE_LIMITS, type ArchiveLimits } from './limits.ts';

const OWNER_MAY_EXECUTE = 0o100;

export interface ArchiveEntry {
  /** Relative, with `/` between segments; see entry-path.ts for what it cannot contain. */
  readonly path: string;
  readonly kind: EntryKind;
  /** Of a file: its owner may execute it. All other mode bits are dropped. */
  readonly executable: boolean;
  /** In bytes; 0 for a folder. */
  readonly size: number;
  /** To be read before the next entry is asked for; what is left unread is skipped. */
  readonly content: AsyncIterable<Buffer>;
}

/**
 * Yields the entries in the order of the archive. Throws ARCHIVE_INVALID or ARCHIVE_TOO_LARGE as
 * soon as something is wrong, so entries before it may have been yielded: whoever acts on them
 * undoes that when the iteration throws.
 */
export async function* readArchive(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  limits: ArchiveLimits = ARCHIVE_LIMITS,
): AsyncGenerator<ArchiveEntry, void, undefined> {
  const bytes = createByteSource(gunzip(await collect(source, limits), limits));
  try {
    yield* readEntries(bytes, limits);
  } finally {
    await bytes.close();
  }
}

/** Packed archives are small by rule, so they are held whole; unpacked ones never are. */
async function collect(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  limits: ArchiveLimits,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of source) {
    length += chunk.length;
    if (length > limits.packedBytes) throw archiveTooLarge(limits, 'packedBytes');
    chunks.push(chunk);
  }
  const [first] = chunks;
  if (first === undefined || chunks.length > 1) return Buffer.concat(chunks);
  return Buffer.from(first.buffer, first.byteOffset, first.byteLength);
}

async function* readEntries(
  bytes: ByteSource,
  limits: ArchiveLimits,
): AsyncGenerator<ArchiveEntry, void, undefined> {
  const tree = createEntryTree(limits);
  let bytesLeft = limits.unpackedBytes;
  for (;;) {
    const header = await readEntryHeader(bytes, limits);
    if (header === undefined) return;
    const path = parseEntryPath(header.name, limits);
    const kind = judgeKind(header, path);
    // Refused before any of it is unpacked.
    bytesLeft -= header.size;
    if (bytesLeft < 0) throw archiveTooLarge(limits, 'unpackedBytes', path);
    if (path === '') continue; // the folder itself
    tree.add(path, kind);
    const body = openBody(bytes, header.size, path);
    const executable = kind === 'file' && (header.mode & OWNER_MAY_EXECUTE) !== 0;
    yield { path, kind, executable, size: header.size, content: body.chunks() };
    await body.skip();
  }
}

interface Body {
  chunks(): AsyncGenerator<Buffer, void, undefined>;
  /** Passes over what was not read, and over the padding. */
  skip(): Promise<void>;
}

function openBody(bytes: ByteSource, size: number, path: string): Body {
  let left = size;
  const chunks = async function* (): AsyncGenerator<Buffer, void, undefined> {
    while (left > 0) {
      const chunk = await bytes.next(left);
      if (chunk === undefined) throw truncatedArchive(path);
      left -= chunk.length;
      yield chunk;
    }
  };
  return {
    chunks,
    skip: async () => {
      const rest = chunks();
      while ((await rest.next()).done !== true);
      await readBlocks(bytes, paddingOf(size));
    },
  };
}
