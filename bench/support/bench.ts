// What a bench is, and what it is given to work with.
import type { Kit } from '../../src/base/kit.ts';

export interface Bench {
  readonly name: string;
  /** One line for the list. */
  readonly summary: string;
  /** What may be given after the name, for the list; without it nothing may. */
  readonly argument?: string;
  run(stage: Stage, argument?: string): Promise<void>;
}

export interface Stage {
  readonly kit: Kit;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Has `undo` done at the end, whatever the end is like; the latest first. */
  onEnd(undo: () => unknown): void;
  print(line?: string): void;
}

/** Runs `work` on a stage of its own: what it registered is undone when it ends, each by itself. */
export async function onStage<T>(
  given: Omit<Stage, 'onEnd'>,
  work: (stage: Stage) => Promise<T>,
): Promise<T> {
  const undos: (() => unknown)[] = [];
  const failures: unknown[] = [];
  const note = (error: unknown): undefined => void failures.push(error);
  const result = await work({ ...given, onEnd: (undo) => void undos.push(undo) }).catch(note);
  // One that fails must not leave running what the others end.
  for (const undo of undos.reverse()) await Promise.resolve().then(undo).catch(note);
  if (failures.length > 1) throw new AggregateError(failures, 'the bench and its end failed');
  if (failures.length > 0) throw failures[0];
  return result as T;
}

/** A bench's file exports one of these as `bench`. */
export function defineBench(bench: Bench): Bench {
  return bench;
}
