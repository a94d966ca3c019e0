// The time of a simulated system: the database's, which everything shared goes by, and a clock for each
// process, which stands still until all of them move together.
import { createManualClock, type ManualClock } from '../manual-clock.ts';
import type { Seeded } from '../seeded.ts';
import type { TestStore } from '../store.ts';

export interface SimulatedTime {
  /** Of a new process: no two machines think that it is the same moment. */
  createClock(): ManualClock;
  /** All of it at once, as if everybody had slept: every timer that fell due rings once. */
  leap(ms: number): Promise<void>;
  /** The database's alone, also backwards. */
  shift(ms: number): Promise<void>;
}

const SKEW_MS = 3_600_000;

export function createSimulatedTime(store: TestStore, random: Seeded): SimulatedTime {
  // Near the database's: what is of their time is not of long ago.
  const beganMs = Date.now();
  const clocks: ManualClock[] = [];
  return {
    createClock: () => {
      const clock = createManualClock(beganMs + random.below(SKEW_MS));
      clocks.push(clock);
      return clock;
    },
    leap: async (ms) => {
      await store.advanceClock(ms);
      // Leases run by the server's own time, which nobody can move.
      await store.sql(`update leases set expires_at = expires_at - interval '${ms} ms'`);
      for (const clock of clocks) await clock.leap(ms);
    },
    shift: (ms) => store.advanceClock(ms),
  };
}
