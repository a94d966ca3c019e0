// What is under way in a simulated system, so that a step can wait until nothing is.
import { settle } from '../manual-clock.ts';

export interface Activity {
  /** Counts the work until it settles. */
  track<T>(work: Promise<T>): Promise<T>;
  /** Whether none is under way at this moment. */
  isQuiet(): boolean;
  /** Resolves when no work, and nobody's file, is under way any more. Sleeps and long polls are none. */
  quiet(): Promise<void>;
}

/** Turns of the event loop without anything: an answer takes less from one part of the system to the next. */
const QUIET_TURNS = 4;

export function createActivity(): Activity {
  let open = 0;
  let wake = (): void => undefined;
  const end = (): void => {
    open -= 1;
    if (open === 0) wake();
  };
  return {
    track: (work) => {
      open += 1;
      return work.finally(end);
    },
    isQuiet: () => open === 0,
    quiet: async () => {
      for (let turns = 0; turns < QUIET_TURNS; turns++) {
        if (open > 0) {
          await new Promise<void>((resolve) => (wake = resolve));
          turns = 0;
        }
        await settle();
        if (isFileUnderWay()) turns = 0;
      }
    },
  };
}

/** Of the whole process: somebody else's costs a moment. */
function isFileUnderWay(): boolean {
  return process.getActiveResourcesInfo().some((name) => name.startsWith('FSReq'));
}
