// Where the package lies, so that its migrations and templates are found from any working
// directory, from the sources and from the bundle alike.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The folder that holds the package.json named "standby", at or above `from` (a file: URL;
 * default: this module's own). Throws when there is none, as in a program copied out of the package.
 */
export function findPackageRoot(from: string = import.meta.url): string {
  const start = dirname(fileURLToPath(from));
  let folder = start;
  while (!isPackageRoot(folder)) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`no package.json named "standby" at or above ${start}`);
    folder = parent;
  }
  return folder;
}

function isPackageRoot(folder: string): boolean {
  try {
    const manifest: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    return (
      typeof manifest === 'object' &&
      manifest !== null &&
      'name' in manifest &&
      manifest.name === 'standby'
    );
  } catch {
    return false; // no such file, or not ours: look further up
  }
}
