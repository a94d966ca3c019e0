// How long a simulated life is (docs/adr/0019-simulated-lives-are-short.md).
import { KEPT_BEFORE_WAITING } from './event.ts';

export interface Life {
  readonly seed: number;
  readonly steps: number;
  /** Whether more people than a pool builds for at once wait in the end. */
  readonly hasLine: boolean;
}

/** Longer ones find no more in the same time: most faults need two or three things to meet. */
const STEPS = 8;
/** A line costs as much as five steps, and few faults need one. */
const LIVES_PER_LINE = 2;

/** Seeds of test/kept-seeds.json that found something by lives that were longer. */
const KEPT_OF_TWELVE_STEPS: readonly number[] = [190980, 191332, 451163, 451368, 627614];

export function lifeOf(seed: number): Life {
  if (KEPT_OF_TWELVE_STEPS.includes(seed)) {
    return { seed, steps: 12, hasLine: !KEPT_BEFORE_WAITING.includes(seed) };
  }
  return { seed, steps: STEPS, hasLine: seed % LIVES_PER_LINE === 0 };
}
