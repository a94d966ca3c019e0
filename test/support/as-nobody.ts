// Root may read and write whatever the mode is: it takes the part of another.
import { chownSync } from 'node:fs';

const NOBODY = 65_534;

/** Hands over what of `files` is there, and works as its owner: as nobody where this is root. */
export function asNobody<T>(files: readonly string[], work: () => T): T {
  if (process.getuid?.() !== 0) return work();
  for (const file of files) {
    try {
      chownSync(file, NOBODY, NOBODY);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  process.seteuid?.(NOBODY);
  try {
    return work();
  } finally {
    process.seteuid?.(0);
  }
}
