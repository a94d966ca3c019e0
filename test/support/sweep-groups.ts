// vitest's global setup of the tests that start workspaces: a run that was killed leaves control groups behind, and
// nobody knows any more whose they were.
import { readdirSync, rmdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { readPids, removeGroup } from '../../src/provisioner/drivers/process/cgroup/group-tree.ts';
import { readPlaces } from '../../src/provisioner/drivers/process/cgroup/places.ts';

/** Nothing was made there for so long: no start is between the making of a group and its first process. */
const QUIET_MS = 3_600_000;

export function setup(): void {
  for (const parent of new Set([...readPlaces().values()].map((place) => place.parent))) {
    for (const name of foldersIn(parent).filter((one) => one.startsWith('standby-'))) {
      try {
        sweep(path.join(parent, name));
      } catch {
        // Another run sweeps as well, or it is another user's.
      }
    }
  }
}

function sweep(base: string): void {
  if (Date.now() - statSync(base).mtimeMs < QUIET_MS) return;
  const groups = foldersIn(base).map((name) => path.join(base, name));
  // That of a stopped workspace is made anew at its start.
  const kept = groups.filter((group) => readPids(group).length > 0 || !removeGroup(group));
  if (kept.length === 0) rmdirSync(base);
}

function foldersIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return [];
  }
}
