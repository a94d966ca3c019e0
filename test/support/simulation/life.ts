// How long a simulated life is (docs/adr/0019-simulated-lives-are-short.md).
import { isKept } from '../seeds.ts';

export interface Life {
  readonly seed: number;
  readonly steps: number;
  /** Whether more people than a pool builds for at once wait in the end. */
  readonly hasLine: boolean;
}

/** As they were when the kept ones found something. */
const KEPT = { steps: 12, hasLine: true };
/** Longer ones find no more in the same time: most faults need two or three things to meet. */
const STEPS = 8;
/** A line costs as much as five steps, and few faults need one. */
const LIVES_PER_LINE = 2;

export function lifeOf(seed: number): Life {
  if (isKept('simulation', seed)) return { seed, ...KEPT };
  return { seed, steps: STEPS, hasLine: seed % LIVES_PER_LINE === 0 };
}
