// Which of many cases a run tries: CI some, others with each STANDBY_CRASH_SEED, and
// STANDBY_CRASH_MATRIX=all every one.
import { createSeeded } from './seeded.ts';

export const SEED = Number(process.env['STANDBY_CRASH_SEED'] ?? '1');

export const IS_LONG = process.env['STANDBY_CRASH_MATRIX'] === 'all';

export function chooseCases<T>(cases: readonly T[], count: number): readonly T[] {
  return IS_LONG ? cases : drawCases(cases, { count, seed: SEED });
}

/** The same for the same seed; all where `count` is not less. */
export function drawCases<T>(
  cases: readonly T[],
  { count, seed }: { readonly count: number; readonly seed: number },
): readonly T[] {
  const random = createSeeded(seed);
  const drawn = cases.map((one) => ({ one, lot: random.next() }));
  drawn.sort((a, b) => a.lot - b.lot);
  return drawn.slice(0, count).map(({ one }) => one);
}
