// The routes about the keys that seal what is stored.
import { formatInstant } from '../../base/clock.ts';
import type { keyRoutes } from '../../contract/key/route.ts';
import { requireAllowed } from '../../domain/permission/permission.ts';
import type { Keyring } from '../../keys/keyring.ts';
import { rotateKeys } from '../../keys/rotate.ts';
import { countSealed, listDataKeys } from '../../store/data-key.ts';
import type { Database } from '../../store/database.ts';
import type { Handlers } from '../handler.ts';

export interface KeyHandlerDeps {
  readonly database: Database;
  readonly keyring: Keyring;
}

export function createKeyHandlers(deps: KeyHandlerDeps): Handlers<keyof typeof keyRoutes> {
  const { database } = deps;
  return {
    listDataKeys: async ({ caller }) => {
      requireAllowed(caller, 'key.list');
      const keys = await listDataKeys.all(database, {});
      const counts = new Map(
        (await countSealed.all(database, {})).map(({ id, sealed }) => [id, sealed]),
      );
      const items = keys.map(({ id, createdAt, retiredAt }) => ({
        id,
        created_at: formatInstant(createdAt),
        retired_at: retiredAt === null ? null : formatInstant(retiredAt),
        sealed: counts.get(id) ?? 0,
      }));
      return { status: 200, body: { items } };
    },

    rotateDataKeys: async ({ caller }) => {
      requireAllowed(caller, 'key.rotate');
      return { status: 200, body: { id: await rotateKeys(deps) } };
    },
  };
}
