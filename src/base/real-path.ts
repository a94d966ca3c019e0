// Where a file or folder really lies.
import { realpathSync } from 'node:fs';
import path from 'node:path';

/** Links on the way are followed. Of what is not there yet, as far as it is there. */
export function realPath(file: string): string {
  try {
    return realpathSync(file);
  } catch (error) {
    const parent = path.dirname(file);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === file) throw error;
    return path.join(realPath(parent), path.basename(file));
  }
}
