// Work of the start that goes through the API: a database or a server that is away for a while must
// not end everything that runs already.
import { mayPass, toAppError } from '../../base/app-error.ts';
import { createBackoff } from '../../base/backoff.ts';
import type { Kit } from '../../base/kit.ts';
import type { Progress } from '../progress.ts';

const RETRY = { firstMs: 250, maxMs: 5_000 };

/** Runs `work` again, for as long as it fails with what passes by itself. */
export async function outlast<T>(
  deps: { readonly kit: Kit; readonly progress: Progress; readonly signal: AbortSignal },
  work: () => Promise<T>,
): Promise<T> {
  const { kit, progress, signal } = deps;
  const backoff = createBackoff(kit.rng, RETRY);
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!mayPass(error)) throw error;
      progress.busy('control plane', `waiting: ${toAppError(error).detail}`);
    }
    await kit.clock.sleep(backoff.nextMs(), signal);
  }
}
