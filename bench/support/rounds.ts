// Interleaved rounds: what is compared runs in turn, over and over, so that whatever else happens on
// the machine meanwhile happens to all of it. Ratios within a round then mean something.
import type { Stage } from './bench.ts';

/** One of the things that are compared. */
export interface Arm<T> {
  readonly name: string;
  /** What has to be so before each run; not measured. */
  prepare?(): Promise<void>;
  run(): Promise<T> | T;
}

export interface Rounds {
  /** Rounds that count. */
  readonly rounds: number;
  /** Rounds before them that do not: code gets compiled, statements prepared, pages cached. */
  readonly warmUps: number;
}

/** The samples of each arm by its name, one a round. */
export async function interleave<T>(
  stage: Stage,
  arms: readonly Arm<T>[],
  { rounds, warmUps }: Rounds,
): Promise<ReadonlyMap<string, readonly T[]>> {
  const samples = new Map<string, T[]>(arms.map(({ name }) => [name, []]));
  for (let round = -warmUps; round < rounds; round++) {
    // Another one begins each time, so that none always runs after the same neighbour.
    for (const offset of arms.keys()) {
      const arm = arms[(round + warmUps + offset) % arms.length];
      if (arm === undefined) continue;
      await arm.prepare?.();
      stage.signal.throwIfAborted();
      const sample = await arm.run();
      if (round >= 0) samples.get(arm.name)?.push(sample);
    }
  }
  return samples;
}

export function samplesOf<T>(
  samples: ReadonlyMap<string, readonly T[]>,
  name: string,
): readonly T[] {
  const found = samples.get(name);
  if (found === undefined) throw new Error(`nothing named ${name} was measured`);
  return found;
}
