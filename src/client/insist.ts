// A request that may safely be made again is, when its answer was lost or the server was just away.
import { mayPass } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';

// A restart of the control plane takes a second or two; whoever waits longer should be told why.
const PAUSES_MS = [200, 800, 2_000];

/** Runs `ask` again, with pauses, while it fails with what may pass by itself. */
export async function insist<T>(
  { clock }: { readonly clock: Pick<Clock, 'sleep'> },
  signal: AbortSignal | undefined,
  ask: () => Promise<T>,
): Promise<T> {
  for (const pauseMs of PAUSES_MS) {
    try {
      return await ask();
    } catch (error) {
      // Other faults and refusals would be the same again.
      if (!mayPass(error)) throw error;
    }
    await clock.sleep(pauseMs, signal);
  }
  return ask();
}
