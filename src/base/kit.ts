// What every part gets first in its dependencies: time, randomness and a log.
import { systemClock, type Clock } from './clock.ts';
import { systemRng, type Rng } from './random.ts';
import type { Log } from './log.ts';

export interface Kit {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
}

export function createKit(log: Log): Kit {
  return { clock: systemClock, rng: systemRng, log };
}
