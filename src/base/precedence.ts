// What somebody waits for goes first: what may wait begins once nothing of that is under way. It waits only so long,
// since where somebody always waits it would otherwise never begin.
import { setMaxListeners } from 'node:events';
import { OVER } from './abort.ts';
import type { Clock } from './clock.ts';

export interface Precedence {
  /** Does what somebody waits for, at once. */
  first<T>(work: () => Promise<T>): Promise<T>;
  /** Does what may wait, for `mostMs` at most. Gives and throws what the work does. */
  behind<T>(mostMs: number, work: () => Promise<T>): Promise<T>;
}

export function createPrecedence(clock: Pick<Clock, 'sleep'>): Precedence {
  let underWay = 0;
  /** Aborted when nothing is under way any more. */
  let over = new AbortController();
  const end = (): void => {
    underWay -= 1;
    if (underWay === 0) over.abort(OVER);
  };
  return {
    first: async (work) => {
      if (underWay === 0) {
        over = new AbortController();
        setMaxListeners(0, over.signal);
      }
      underWay += 1;
      try {
        return await work();
      } finally {
        end();
      }
    },
    behind: async (mostMs, work) => {
      if (underWay > 0) await clock.sleep(mostMs, over.signal).catch(() => undefined);
      return work();
    },
  };
}
