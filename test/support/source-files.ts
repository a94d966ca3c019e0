// The repository's own files, for the tests that hold it to its rules.
import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { findPackageRoot } from '../../src/base/package-root.ts';

export const repository = findPackageRoot();

/** Paths below `folder` of the repository, from its root, with "/". */
export function listFiles(folder: string): readonly string[] {
  return readdirSync(join(repository, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(repository.length + 1))
    .map((path) => path.split(sep).join('/'));
}

/** The programs' sources: what is under src without tests. */
export function listPrograms(): readonly string[] {
  return listFiles('src').filter((path) => /(?<!\.test)\.ts$/.test(path));
}

export function readRepositoryFile(path: string): string {
  return readFileSync(join(repository, path), 'utf8');
}
