// Asking at fixed times, however long answers take: callers who wait for each other would hide how long
// those behind a slow answer wait.
import type { Stage } from './bench.ts';

export interface Answer {
  /** When it was to be asked; what it took counts from here. */
  readonly dueMs: number;
  readonly endedMs: number;
}

export interface Pace {
  readonly perSecond: number;
  /** Asked before each: whether there is one more. */
  readonly goOn: (asked: number) => boolean;
}

/** Rejects with what the first failed one does. The times are of the stage's monotonic clock. */
export async function askAtPace(
  { kit: { clock }, signal }: Stage,
  { perSecond, goOn }: Pace,
  ask: () => Promise<unknown>,
): Promise<readonly Answer[]> {
  const startMs = clock.monotonicMs();
  const answers: Promise<Answer>[] = [];
  while (goOn(answers.length)) {
    const dueMs = startMs + (answers.length * 1_000) / perSecond;
    await clock.sleep(Math.max(dueMs - clock.monotonicMs(), 0), signal);
    const answer = ask().then(() => ({ dueMs, endedMs: clock.monotonicMs() }));
    answer.catch(() => undefined); // seen at the end
    answers.push(answer);
  }
  return Promise.all(answers);
}
