// The null driver: the real protocol and no infrastructure, for benches and simulations. What its
// workspaces are is nothing, so nothing can be left behind.
import { AppError } from '../../../base/app-error.ts';
import type { Kit } from '../../../base/kit.ts';
import type { Driver } from '../../driver.ts';

export function createNullDriver({ clock }: Pick<Kit, 'clock'>): Driver {
  return {
    name: 'null',
    check: async () => undefined,
    start: async ({ template }, { signal }) => {
      const settings = template.manifest.null;
      const seconds = settings?.start_seconds ?? 0;
      if (seconds > 0) await clock.sleep(seconds * 1000, signal);
      signal.throwIfAborted();
      const error = settings?.start_error ?? null;
      if (error !== null) throw new AppError('BUILD_FAILED', error);
      return { outputs: {} };
    },
    stop: async () => undefined,
    delete: async () => undefined,
    undo: async () => undefined,
  };
}
