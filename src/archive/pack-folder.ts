// Packs a folder so that the same files give the same bytes, whoever packs them, when and where.
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { AppError } from '../base/app-error.ts';
import { excerpt } from '../base/excerpt.ts';
import { paddingOf } from './entry-header.ts';
import { archiveInvalid, archiveTooLarge } from './fault.ts';
import { createGzipWriter, type GzipWriter } from './gzip-writer.ts';
import { ARCHIVE_LIMITS, type ArchiveLimits } from './limits.ts';
import { listFolder } from './list-folder.ts';
import { readArchive } from './read-archive.ts';
import { renderEntryHeader, TAR_END, type EntryToWrite } from './tar-writer.ts';

export interface PackedFolder {
  readonly bytes: Buffer;
  /** Of the bytes, in lower-case hex. */
  readonly sha256: string;
  /** Paths that were left out, see SKIPPED_NAMES. */
  readonly skipped: readonly string[];
}

/**
 * The folder as a tar.gz that `readArchive` takes. Throws FILE_UNREADABLE, ARCHIVE_INVALID with the
 * path of what cannot be packed (a link, a device, a strange name), or ARCHIVE_TOO_LARGE.
 */
export async function packFolder(
  root: string,
  limits: ArchiveLimits = ARCHIVE_LIMITS,
): Promise<PackedFolder> {
  try {
    const { entries, skipped } = await listFolder(root, limits);
    const gzip = createGzipWriter();
    for (const entry of entries) {
      gzip.write(renderEntryHeader(entry));
      if (entry.kind === 'file') await writeContent(gzip, root, entry);
      if (gzip.packedBytes() > limits.packedBytes) throw archiveTooLarge(limits, 'packedBytes');
    }
    gzip.write(TAR_END);
    const bytes = gzip.finish();
    // What leaves here is what a server accepts: the reader is the judge of that.
    const reader = readArchive([bytes], limits);
    while ((await reader.next()).done !== true);
    return { bytes, sha256: createHash('sha256').update(bytes).digest('hex'), skipped };
  } catch (error) {
    throw unreadable(error, root);
  }
}

async function writeContent(gzip: GzipWriter, root: string, entry: EntryToWrite): Promise<void> {
  // Whatever has taken the file's place since it was listed: no link is followed, no pipe waited for.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(`${root}/${entry.path}`, flags).catch((error: unknown) => {
    throw hasCode(error, 'ELOOP', 'ENXIO', 'ENOENT') ? changed(entry.path) : error;
  });
  try {
    if (!(await file.stat()).isFile()) throw changed(entry.path);
    let size = 0;
    for await (const chunk of file.createReadStream({
      autoClose: false,
    }) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > entry.size) break;
      gzip.write(chunk);
    }
    if (size !== entry.size) throw changed(entry.path);
  } finally {
    await file.close();
  }
  gzip.write(Buffer.alloc(paddingOf(entry.size)));
}

function changed(path: string): AppError {
  return archiveInvalid({
    reason: 'changed_while_packing',
    problem: 'changed while it was packed',
    path,
  });
}

function unreadable(error: unknown, root: string): unknown {
  if (!hasCode(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP')) return error;
  const detail = `The folder ${excerpt(root)} cannot be read: ${error.message}.`;
  return new AppError('FILE_UNREADABLE', detail, { cause: error });
}

function hasCode(error: unknown, ...codes: readonly string[]): error is Error {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
