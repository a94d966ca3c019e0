// How a stop goes on: running attempts get some time to end by themselves, then they are stopped and
// get some time to clean up and to be reported, then nothing is waited for any more.
import { whenAborted } from '../base/abort.ts';
import type { Kit } from '../base/kit.ts';
import { StopWork } from './stop-work.ts';

export interface Deadlines {
  /** Aborted with a StopWork. */
  readonly stopWork: AbortSignal;
  readonly giveUp: AbortSignal;
  /** Follows a stop until `done` aborts. Never rejects. */
  follow(stopping: AbortSignal, done: AbortSignal): Promise<void>;
  /** Stops the work at once. */
  stopNow(stop: StopWork): void;
}

export interface DeadlineOptions {
  /** What running attempts are given to end by themselves. */
  readonly drainMs: number;
  /** What they are given to undo what they did and to be reported, once they were stopped. */
  readonly undoMs: number;
}

export function createDeadlines(kit: Pick<Kit, 'clock'>, options: DeadlineOptions): Deadlines {
  const stopWork = new AbortController();
  const giveUp = new AbortController();
  return {
    stopWork: stopWork.signal,
    giveUp: giveUp.signal,
    stopNow: (stop) => stopWork.abort(stop),
    follow: async (stopping, done) => {
      await whenAborted(AbortSignal.any([stopping, done]));
      try {
        await kit.clock.sleep(options.drainMs, done);
        stopWork.abort(new StopWork('drained'));
        await kit.clock.sleep(options.undoMs, done);
        giveUp.abort();
      } catch {
        // Everything ended in time.
      }
    },
  };
}
