// Looks whether the database was put back from a backup, and says what became of its prebuilds then.
import { mayPass } from '../base/app-error.ts';
import type { Kit } from '../base/kit.ts';
import type { Database } from '../store/database.ts';
import { distrustIfMoved } from '../store/restored.ts';

/**
 * Gives one look. A provider may keep from its users where a database is: that is said once, and not
 * asked for again. Throws what may pass.
 */
export function createRestoreWatch({
  log,
  database,
}: Pick<Kit, 'log'> & { readonly database: Database }): () => Promise<void> {
  let isPlaceKnown = true;
  return async () => {
    if (!isPlaceKnown) return;
    try {
      const distrusted = await distrustIfMoved(database);
      if (distrusted !== undefined) log.critical('database.moved', { ...distrusted });
    } catch (error) {
      if (mayPass(error)) throw error;
      isPlaceKnown = false;
      log.warn('database.place_unknown', { error });
    }
  };
}
