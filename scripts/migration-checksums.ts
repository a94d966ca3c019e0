// migrations/checksums.json: what each migration was when it was merged. `npm run gen` adds new ones;
// one that stands there never changes, because databases have applied it as it was.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findPackageRoot } from '../src/base/package-root.ts';
import { readMigrations } from '../src/store/migrate.ts';

export type Checksums = Readonly<Record<string, string>>;

const folder = join(findPackageRoot(), 'migrations');
export const CHECKSUMS_FILE = join(folder, 'checksums.json');

export function readChecksums(): Checksums {
  return JSON.parse(readFileSync(CHECKSUMS_FILE, 'utf8')) as Checksums;
}

/** The checksums of the files as they are now, in their order. */
export async function computeChecksums(): Promise<Checksums> {
  const migrations = await readMigrations(folder);
  return Object.fromEntries(migrations.map(({ name, checksum }) => [name, checksum]));
}

/** Names in `recorded` whose file is gone or another one now. */
export function findChanged(recorded: Checksums, current: Checksums): readonly string[] {
  return Object.keys(recorded).filter((name) => recorded[name] !== current[name]);
}
