// What went wrong with the server, in the server's own last words.
import { AppError } from '../base/app-error.ts';

/** Enough for PostgreSQL's FATAL with its DETAIL and HINT, and what led to it. */
const TAIL_CHARACTERS = 2_000;

export function failed(what: string, output: string): AppError {
  const said = output.trim().slice(-TAIL_CHARACTERS);
  const detail = said === '' ? what : `${what}. PostgreSQL says:\n${said}`;
  const hint = /No space left on device|Disk quota exceeded|Check free disk space/.test(said)
    ? SPACE_HINT
    : undefined;
  return new AppError('EMBEDDED_POSTGRES_FAILED', hint === undefined ? detail : { detail, hint });
}

/** A fault of the file system, as the code that names its remedy; anything else as it is. */
export function asStartFailure(error: unknown, dataDir: string): unknown {
  if (!isFileError(error)) return error;
  const detail = `the data folder ${dataDir} cannot be used: ${error.message}`;
  return error.code === 'ENOSPC' || error.code === 'EDQUOT'
    ? new AppError('DATA_FOLDER_UNUSABLE', { detail, hint: SPACE_HINT }, { cause: error })
    : new AppError('DATA_FOLDER_UNUSABLE', { detail }, { cause: error });
}

const SPACE_HINT = 'Free space on the disk of the data folder, and start again.';

function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && 'path' in error && 'syscall' in error;
}
