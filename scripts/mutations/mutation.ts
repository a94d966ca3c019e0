// A known fault: how it is planted in the source, and the test that has to notice it. A guard checks that
// each still finds its place.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findPackageRoot } from '../../src/base/package-root.ts';

export interface Mutation {
  /** What is wrong with the program then. */
  readonly fault: string;
  readonly changes: readonly Change[];
  readonly noticedBy: NamedTest;
  /** Planted by every run that draws some: everything else rests on it. */
  readonly always?: true;
  /** The simulation of the whole system has to notice it, too. */
  readonly simulated?: true;
}

export interface Change {
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly find: string;
  readonly put: string;
}

export interface NamedTest {
  readonly file: string;
  /** The end of the test's full name, or of many tests' with the placeholders of `it.each`. */
  readonly title: string;
}

/** Seeded lives of the whole system, a test for each seed. */
export const SIMULATION: NamedTest = {
  file: 'test/db/reconciler/simulation.test.ts',
  title: 'keep their promises and converge (seed %i)',
};

export const change = (file: string, find: string, put = ''): Change => ({ file, find, put });
export const by = (file: string, title: string): NamedTest => ({ file, title });

/** The changed files by path. Throws when a change does not find its place, or finds two. */
export function applyChanges(changes: readonly Change[]): ReadonlyMap<string, string> {
  const changed = new Map<string, string>();
  for (const { file, find, put } of changes) {
    const text = changed.get(file) ?? readFileSync(join(findPackageRoot(), file), 'utf8');
    const [before = '', after, ...more] = text.split(find);
    if (after === undefined || more.length > 0) {
      const places = after === undefined ? 'no place' : `${more.length + 1} places`;
      throw new Error(`${places} in ${file} for the change of:\n${find}`);
    }
    changed.set(file, `${before}${put}${after}`);
  }
  return changed;
}
