// Changing the key that seals: a new one for what comes, then everything that is there sealed anew.
import type { Kit } from '../base/kit.ts';
import type { DataKeyId } from '../base/id.ts';
import { SealBroken } from '../base/seal.ts';
import {
  getCurrentDataKey,
  insertCurrentDataKey,
  listDataKeys,
  removeUnusedDataKeys,
  retireDataKey,
} from '../store/data-key.ts';
import type { Database } from '../store/database.ts';
import {
  FIRST,
  SEALED_VALUES,
  type RetiredValue,
  type SealedValues,
} from '../store/sealed-value.ts';
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

/** So many that do not open are named in the log of a pass, which counts them all. */
const NAMED = 10;

/**
 * Seals anew what retired keys have sealed, and removes keys that are not needed any more. What does
 * not open is left as it is, and so is its key.
 */
export async function resealRetired(deps: Deps & Pick<Kit, 'log'>): Promise<void> {
  const { database, log } = deps;
  const keys = await listDataKeys.all(database, {});
  if (keys.every(({ retiredAt }) => retiredAt === null)) return;
  let resealed = 0;
  const broken: string[] = [];
  for (const values of SEALED_VALUES) {
    let after = FIRST;
    for (;;) {
      const found = await values.find(database, { after, limit: BATCH });
      const last = found.at(-1);
      if (last === undefined) break;
      after = last.row;
      // Another replica may have made a newer key meanwhile.
      await deps.keyring.refresh();
      for (const value of found) {
        const written = await reseal(deps, values, value);
        if (written === 'broken') broken.push(`${value.place} (row ${value.row})`);
        else resealed += written;
      }
    }
  }
  if (broken.length > 0) {
    log.critical('keys.values_broken', { left: broken.length, first: broken.slice(0, NAMED) });
  }
  const removed = await removeUnusedDataKeys.all(database, {});
  if (resealed > 0 || removed.length > 0) {
    log.info('keys.resealed', { resealed, removed: removed.map(({ id }) => id) });
  }
}

/** The number of rows written: none where somebody else was faster. */
async function reseal(
  { database, keyring }: Deps,
  { write }: SealedValues,
  { keyId: oldKeyId, sealed, place, row }: RetiredValue,
): Promise<number | 'broken'> {
  try {
    const plain = await keyring.unseal(place, { keyId: oldKeyId, sealed });
    return await write.run(database, { row, oldKeyId, ...keyring.seal(place, plain) });
  } catch (error) {
    if (!(error instanceof SealBroken)) throw error;
    return 'broken';
  }
}
