// Statements that do for many at once what each asks for by itself: a run takes some milliseconds, mostly for the commit.
import type { Kit } from '../base/kit.ts';
import { together, type TogetherOptions } from '../base/together.ts';
import type { Database } from './database.ts';

export interface RunTogetherDeps extends Pick<Kit, 'clock'> {
  readonly database: Database;
}

/** One that takes so long is stuck. */
const LATE_MS = 50;

/** As `together`, for runs of a statement. */
export function runTogether<Item, Answer>(
  { clock, database }: RunTogetherDeps,
  run: (items: readonly Item[]) => Promise<readonly Answer[]>,
  options: Pick<TogetherOptions, 'maxItems' | 'isOfOneItem'>,
): (item: Item) => Promise<Answer> {
  return together(clock, run, {
    lateMs: LATE_MS,
    // What is stuck holds a connection: as long as there is another one, others go on.
    most: database.maxConnections,
    ...options,
  });
}
