// Why an archive is refused: an error whose `reason` a program can tell apart and whose `path` names
// the entry, where there is one.
import { AppError } from '../base/app-error.ts';
import { excerpt } from '../base/excerpt.ts';
import type { ArchiveLimits } from './limits.ts';

export type ArchiveReason =
  // The bytes are no archive
  | 'not_gzip'
  | 'gzip_corrupt'
  | 'header_corrupt'
  | 'truncated'
  | 'trailing_data'
  // An entry is of a kind that is not allowed
  | 'symbolic_link'
  | 'hard_link'
  | 'device'
  | 'fifo'
  | 'socket'
  | 'sparse_file'
  | 'unsupported_type'
  | 'unsupported_extension'
  // The path of an entry is not allowed
  | 'path_absolute'
  | 'path_parent'
  | 'path_segment'
  | 'path_character'
  | 'path_encoding'
  // Entries contradict each other
  | 'duplicate'
  | 'collision'
  | 'file_as_folder'
  // What a template needs is not there
  | 'manifest_missing'
  | 'manifest_encoding'
  // The folder is not what it was a moment ago
  | 'changed_while_packing';

export interface Fault {
  readonly reason: ArchiveReason;
  /** A clause that follows the entry's path: "is a symbolic link". */
  readonly problem: string;
  readonly path?: string;
  /** Where the catalog's hint is no help. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** ARCHIVE_INVALID with the fields `reason` and, where there is an entry, `path`. */
export function archiveInvalid(fault: Fault): AppError {
  const subject = fault.path === undefined ? 'The archive' : excerpt(fault.path);
  return new AppError(
    'ARCHIVE_INVALID',
    {
      detail: `${subject} ${fault.problem}.`,
      ...(fault.hint === undefined ? {} : { hint: fault.hint }),
      fields: {
        reason: fault.reason,
        ...(fault.path === undefined ? {} : { path: fault.path }),
      },
    },
    { cause: fault.cause },
  );
}

const LIMIT_TEXTS: Readonly<Record<keyof ArchiveLimits, string>> = {
  packedBytes: 'bytes packed',
  unpackedBytes: 'bytes unpacked',
  ratio: 'times its packed size when unpacked',
  ratioFreeBytes: 'bytes unpacked',
  entries: 'files and folders',
  pathBytes: 'bytes in a path',
  depth: 'folders deep',
  headerBytes: 'bytes in an extended header',
  manifestBytes: 'bytes in standby.yaml',
};

/** ARCHIVE_TOO_LARGE with the fields `limit`, `allowed` and, where there is an entry, `path`. */
export function archiveTooLarge(
  limits: ArchiveLimits,
  limit: keyof ArchiveLimits,
  path?: string,
): AppError {
  const at = path === undefined ? '' : ` at ${excerpt(path)}`;
  return new AppError('ARCHIVE_TOO_LARGE', {
    detail: `The archive has more than the allowed ${limits[limit]} ${LIMIT_TEXTS[limit]}${at}.`,
    fields: {
      limit: snakeCase(limit),
      allowed: limits[limit],
      ...(path === undefined ? {} : { path }),
    },
  });
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
