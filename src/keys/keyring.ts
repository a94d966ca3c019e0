// Seals and opens what is stored sealed. The keys lie in the database, each sealed with the
// installation's secret key, which lies elsewhere.
import { createHmac } from 'node:crypto';
import { createId, type DataKeyId } from '../base/id.ts';
import { AppError } from '../base/app-error.ts';
import type { Kit } from '../base/kit.ts';
import { seal, SEAL_KEY_BYTES, SealBroken, unseal } from '../base/seal.ts';
import { insertCurrentDataKey, listDataKeys } from '../store/data-key.ts';
import type { Database } from '../store/database.ts';
import type { Executor } from '../store/statement.ts';

export interface Sealed {
  readonly keyId: DataKeyId;
  readonly sealed: Buffer;
}

export interface Keyring {
  /** With the current key; opens at the same place only. */
  seal(place: string, plain: Uint8Array): Sealed;
  /**
   * Throws SealBroken for what was changed, or was sealed for another place. `on` is the transaction that
   * it happens in, if any, for a key that another process made.
   */
  unseal(place: string, given: Sealed, on?: Executor): Promise<Buffer>;
  /** Learns of keys that other processes made. */
  refresh(): Promise<void>;
  /** A new key, sealed as the database keeps it. */
  make(): Sealed;
  /** By which equal texts are known to be equal, and guesses cannot be tried; no rotation changes it. */
  fingerprint(text: string): Buffer;
}

export interface KeyringDeps extends Pick<Kit, 'clock' | 'rng'> {
  readonly database: Database;
  readonly secretKey: Uint8Array;
}

/** Makes the first key where there is none. Throws SECRET_KEY_WRONG when the keys there do not open. */
export async function openKeyring(deps: KeyringDeps): Promise<Keyring> {
  const { database, rng, secretKey } = deps;
  let current: DataKeyId | undefined;
  let keys = new Map<DataKeyId, Buffer>();
  const wrapping = (id: DataKeyId) => ({ key: secretKey, place: `data key ${id}` });

  const make = (): Sealed => {
    const keyId = createId<DataKeyId>(deps);
    return { keyId, sealed: seal(rng, wrapping(keyId), rng.bytes(SEAL_KEY_BYTES)) };
  };

  const refresh = async (on: Executor = database): Promise<void> => {
    const rows = await listDataKeys.all(on, {});
    keys = new Map(rows.map(({ id, sealed }) => [id, open(wrapping(id), sealed)]));
    current = rows[0]?.id;
  };

  const first = make();
  await insertCurrentDataKey.run(database, { id: first.keyId, sealed: first.sealed });
  await refresh();

  return {
    make,
    refresh: () => refresh(),
    fingerprint: (text) =>
      createHmac('sha256', secretKey).update('fingerprint ').update(text).digest(),
    seal: (place, plain) => {
      const key = current === undefined ? undefined : keys.get(current);
      if (current === undefined || key === undefined)
        throw new Error('there is no current data key');
      return { keyId: current, sealed: seal(rng, { key, place }, plain) };
    },
    unseal: async (place, { keyId, sealed }, on) => {
      if (!keys.has(keyId)) await refresh(on);
      const key = keys.get(keyId);
      if (key === undefined) throw new Error(`there is no data key ${keyId}`);
      return unseal({ key, place }, sealed);
    },
  };
}

function open(wrapping: { readonly key: Uint8Array; readonly place: string }, sealed: Buffer) {
  try {
    return unseal(wrapping, sealed);
  } catch (error) {
    if (!(error instanceof SealBroken)) throw error;
    throw new AppError(
      'SECRET_KEY_WRONG',
      'the keys in the database do not open with this secret key',
      { cause: error },
    );
  }
}
