// Files and folders of this user that somebody took the rights to away: a program that runs as this user, or one that
// was handed the file.
import { chmodSync } from 'node:fs';

/** Whoever owns a file has the rights to it that they give themselves. */
export function openedUp<T>(
  file: string | Buffer,
  { mode, use }: { readonly mode: number; readonly use: () => T },
): T {
  try {
    return use();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
    chmodSync(file, mode);
    return use();
  }
}
