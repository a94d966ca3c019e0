// Looks through a pushed archive once: whether it may be stored, what is in it, and its manifest.
import { archiveInvalid, archiveTooLarge } from './fault.ts';
import { ARCHIVE_LIMITS, type ArchiveLimits } from './limits.ts';
import { readArchive, type ArchiveEntry } from './read-archive.ts';
import { decodeStrictly } from './text.ts';

export const MANIFEST_PATH = 'standby.yaml';

export interface ArchiveFile {
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  readonly executable: boolean;
}

export interface CheckedArchive {
  /** Every file, in the archive's order; folders are left out. */
  readonly files: readonly ArchiveFile[];
  readonly manifestText: string;
}

/** Throws ARCHIVE_INVALID or ARCHIVE_TOO_LARGE; a missing manifest is `manifest_missing`. */
export async function checkArchive(
  bytes: Uint8Array,
  limits: ArchiveLimits = ARCHIVE_LIMITS,
): Promise<CheckedArchive> {
  const files: ArchiveFile[] = [];
  let manifestText: string | undefined;
  for await (const entry of readArchive([bytes], limits)) {
    if (entry.kind === 'folder') continue;
    files.push({ path: entry.path, size: entry.size, executable: entry.executable });
    if (entry.path === MANIFEST_PATH) manifestText = await readManifest(entry, limits);
  }
  if (manifestText === undefined) {
    throw archiveInvalid({
      reason: 'manifest_missing',
      problem: `has no ${MANIFEST_PATH} at its top`,
      hint: `Write a ${MANIFEST_PATH}; \`standby template init\` makes an example.`,
    });
  }
  return { files, manifestText };
}

async function readManifest(entry: ArchiveEntry, limits: ArchiveLimits): Promise<string> {
  if (entry.size > limits.manifestBytes) {
    throw archiveTooLarge(limits, 'manifestBytes', entry.path);
  }
  const chunks: Buffer[] = [];
  for await (const chunk of entry.content) chunks.push(chunk);
  const text = decodeStrictly(Buffer.concat(chunks));
  if (text !== undefined) return text;
  throw archiveInvalid({ reason: 'manifest_encoding', problem: 'is not UTF-8', path: entry.path });
}
