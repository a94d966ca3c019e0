// Which seeds a simulation runs: those that once found something, and new ones.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const KEPT = join(import.meta.dirname, '..', 'kept-seeds.json');

/**
 * STANDBY_<NAME>_RUNS says how many new ones, which begin at no fixed number; what once failed is in
 * test/kept-seeds.json and runs before them. STANDBY_<NAME>_SEED names one to run alone, or the first of
 * STANDBY_<NAME>_RUNS.
 */
export function readSeeds(
  name: 'model' | 'simulation',
  { runs }: { readonly runs: number },
): readonly number[] {
  const variable = (suffix: string): string | undefined =>
    process.env[`STANDBY_${name.toUpperCase()}_${suffix}`];
  const named = variable('SEED');
  const from = (first: number, count: number): readonly number[] =>
    Array.from({ length: count }, (_, n) => first + n);
  if (named !== undefined) return from(Number(named), Number(variable('RUNS') ?? 1));
  const kept = JSON.parse(readFileSync(KEPT, 'utf8')) as Readonly<Record<string, number[]>>;
  return [...(kept[name] ?? []), ...from(Date.now() % 1_000_000, Number(variable('RUNS') ?? runs))];
}
