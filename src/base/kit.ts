// What every part gets first in its dependencies: time, randomness, a log and a meter.
import { systemClock, type Clock } from './clock.ts';
import { systemRng, type Rng } from './random.ts';
import type { Log } from './log.ts';
import { silentMeter, type Meter } from './meter.ts';

export interface Kit {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly meter: Meter;
}

/** Measures nothing; a control plane puts its own meter in. */
export function createKit(log: Log): Kit {
  return { clock: systemClock, rng: systemRng, log, meter: silentMeter };
}
