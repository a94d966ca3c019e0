// The one check that every build passes before it is stored, whoever asks for it and why.
import type { NewBuild } from './new-build.ts';
import type { Executor } from './statement.ts';

/**
 * Looks at builds in the transaction that is to store them. What it throws refuses all of them, and goes to
 * whoever asked; in a pool's turn, the others of its actions go on.
 */
export type BuildAdmission = (on: Executor, builds: readonly NewBuild[]) => Promise<void>;

const admitAll: BuildAdmission = () => Promise.resolve();

let admission = admitAll;

export function admitBuilds(on: Executor, builds: readonly NewBuild[]): Promise<void> {
  return admission(on, builds);
}

/** Of this process, from the next build on; nothing admits all. */
export function exchangeBuildAdmission(next: BuildAdmission = admitAll): void {
  admission = next;
}
