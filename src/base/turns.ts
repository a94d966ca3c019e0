// One at a time, so that what comes meanwhile goes together; but never behind one that got stuck.
import type { Clock } from './clock.ts';

export interface Turns {
  /** Another one may begin. */
  isFree(): boolean;
  /** Begins one; gives what has to be called when it has ended. */
  begin(): () => void;
}

export interface TurnsOptions {
  /** One that takes longer is late, and not waited for any more. */
  readonly lateMs: number;
  /** At once, late ones included. */
  readonly most: number;
  /** Called whenever another one may begin. */
  readonly onFree: () => void;
}

/** To abort without a reason makes one, with a stack trace: half of what a turn costs. */
const ENDED = new Error('the turn has ended');

export function createTurns(
  clock: Pick<Clock, 'sleep'>,
  { lateMs, most, onFree }: TurnsOptions,
): Turns {
  let running = 0;
  let late = 0;
  return {
    isFree: () => running === late && running < most,
    begin: () => {
      running += 1;
      let isLate = false;
      const ended = new AbortController();
      const becomeLate = (): void => {
        if (ended.signal.aborted) return;
        isLate = true;
        late += 1;
        onFree();
      };
      void clock.sleep(lateMs, ended.signal).then(becomeLate, () => undefined);
      return () => {
        ended.abort(ENDED);
        running -= 1;
        if (isLate) late -= 1;
        onFree();
      };
    },
  };
}
