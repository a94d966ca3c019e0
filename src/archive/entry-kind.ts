// What kind of thing an entry is: a regular file or a folder. Everything else is refused by name.
import { archiveInvalid, type ArchiveReason } from './fault.ts';
import type { TarHeader } from './tar-header.ts';

export type EntryKind = 'file' | 'folder';

interface Refusal {
  readonly reason: ArchiveReason;
  readonly problem: string;
}

const DEVICE: Refusal = { reason: 'device', problem: 'is a device' };

const REFUSED: Readonly<Record<string, Refusal>> = {
  '1': { reason: 'hard_link', problem: 'is a hard link' },
  '2': { reason: 'symbolic_link', problem: 'is a symbolic link' },
  '3': DEVICE,
  '4': DEVICE,
  '6': { reason: 'fifo', problem: 'is a named pipe' },
  S: { reason: 'sparse_file', problem: 'is a sparse file' },
};

/** Throws ARCHIVE_INVALID for what is neither, and for a folder or file that contradicts itself. */
export function judgeKind(header: TarHeader, path: string): EntryKind {
  const hasSlash = path === '' || header.name.at(-1) === SLASH;
  const kind = kindOf(header.type, hasSlash);
  if (kind === undefined) {
    const unknown = {
      reason: 'unsupported_type',
      problem: `is an entry of type ${JSON.stringify(header.type)}, which is not supported`,
    } as const;
    throw archiveInvalid({ ...(REFUSED[header.type] ?? unknown), path });
  }
  if (kind === 'file' && hasSlash) {
    throw archiveInvalid({
      reason: 'path_segment',
      problem: 'is a file named like a folder',
      path,
    });
  }
  if (kind === 'folder' && header.size > 0) {
    throw archiveInvalid({ reason: 'header_corrupt', problem: 'is a folder with contents', path });
  }
  return kind;
}

const SLASH = '/'.charCodeAt(0);

function kindOf(type: string, hasSlash: boolean): EntryKind | undefined {
  if (type === '5') return 'folder';
  if (type === '0') return 'file';
  // Version 7 had one type for both.
  if (type === '\0') return hasSlash ? 'folder' : 'file';
  return undefined;
}
