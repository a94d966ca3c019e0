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

/** Runs `work` on a stage of its own: what it registered is undone when it ends. */
export async function onStage<T>(
  given: Omit<Stage, 'onEnd'>,
  work: (stage: Stage) => Promise<T>,
): Promise<T> {
  const undos: (() => unknown)[] = [];
  try {
    return await work({ ...given, onEnd: (undo) => void undos.push(undo) });
  } finally {
    for (const undo of undos.reverse()) await undo();
  }
}

/** A bench's file exports one of these as `bench`. */
export function defineBench(bench: Bench): Bench {
  return bench;
}
