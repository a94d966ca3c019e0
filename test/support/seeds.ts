// Which seeds a simulation runs: those that once found something, and new ones.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const KEPT = join(import.meta.dirname, '..', 'kept-seeds.json');

/**
 * STANDBY_<NAME>_SEED names one to run alone, STANDBY_<NAME>_RUNS how many new ones; what once failed
 * is in test/kept-seeds.json and always runs.
 */
export function readSeeds(
  name: 'model' | 'simulation',
  { runs }: { readonly runs: number },
): readonly number[] {
  const variable = (suffix: string): string | undefined =>
    process.env[`STANDBY_${name.toUpperCase()}_${suffix}`];
  const alone = variable('SEED');
  if (alone !== undefined) return [Number(alone)];
  const kept = JSON.parse(readFileSync(KEPT, 'utf8')) as Readonly<Record<string, number[]>>;
  const first = Date.now() % 1_000_000;
  const count = Number(variable('RUNS') ?? runs);
  return [...(kept[name] ?? []), ...Array.from({ length: count }, (_, n) => first + n)];
}
