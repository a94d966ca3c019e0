// Changing the key that seals: a new one for what comes, then everything that is there sealed anew.
import type { Kit } from '../base/kit.ts';
import type { DataKeyId } from '../base/id.ts';
import { SealBroken } from '../base/seal.ts';
import {
  getCurrentDataKey,
  insertCurrentDataKey,
  removeUnusedDataKeys,
  retireDataKey,
} from '../store/data-key.ts';
import type { Database } from '../store/database.ts';
import { SEALED_VALUES } from '../store/sealed-value.ts';
import type { Keyring } from './keyring.ts';

interface Deps {
  readonly database: Database;
  readonly keyring: Keyring;
}

/** What is sealed from now on is sealed with the key that this gives. */
export async function rotateKeys({ database, keyring }: Deps): Promise<DataKeyId> {
  const { keyId, sealed } = keyring.make();
  const { id } = await database.transaction(async (tx) => {
    await retireDataKey.run(tx, {});
    await insertCurrentDataKey.run(tx, { id: keyId, sealed });
    // Of two rotations at the same instant one makes the key that both give.
    return getCurrentDataKey.one(tx, {});
  });
  await keyring.refresh();
  return id;
}

/** Some at a time, so that no row is held and no memory filled for long. */
const BATCH = 50;

/** Seals anew what retired keys have sealed, and removes keys that are not needed any more. */
export async function resealRetired({
  database,
  keyring,
  log,
}: Deps & Pick<Kit, 'log'>): Promise<void> {
  let resealed = 0;
  for (const { find, write } of SEALED_VALUES) {
    for (;;) {
      // Another replica may have made a newer key meanwhile.
      await keyring.refresh();
      const found = await find(database, { limit: BATCH });
      let written = 0;
      for (const { keyId: oldKeyId, sealed, place, row } of found) {
        try {
          const plain = await keyring.unseal(place, { keyId: oldKeyId, sealed });
          written += await write.run(database, { row, oldKeyId, ...keyring.seal(place, plain) });
        } catch (error) {
          if (!(error instanceof SealBroken)) throw error;
          log.critical('keys.value_broken', { place, row, error });
        }
      }
      resealed += written;
      if (written === 0) break;
    }
  }
  const removed = await removeUnusedDataKeys.all(database, {});
  if (resealed > 0 || removed.length > 0) {
    log.info('keys.resealed', { resealed, removed: removed.map(({ id }) => id) });
  }
}
