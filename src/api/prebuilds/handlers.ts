// The routes about the settings that govern all pools.
import type { Kit } from '../../base/kit.ts';
import type { prebuildRoutes } from '../../contract/prebuilds/route.ts';
import { requireAllowed } from '../../domain/permission/permission.ts';
import { pauseAll } from '../../pools/pause-all.ts';
import type { Database } from '../../store/database.ts';
import { findPrebuildSettings, parsePrebuildSettings } from '../../store/settings.ts';
import type { Handlers } from '../handler.ts';

export interface PrebuildApiDeps {
  readonly kit: Kit;
  readonly database: Database;
}

export function createPrebuildHandlers({
  kit,
  database,
}: PrebuildApiDeps): Handlers<keyof typeof prebuildRoutes> {
  return {
    getPrebuildSettings: async () => {
      const stored = parsePrebuildSettings(await findPrebuildSettings(database));
      return { status: 200, body: { reconciliation_paused: stored.reconciliationPaused } };
    },
    putPrebuildSettings: async ({ caller, body }) => {
      requireAllowed(caller, 'pool.pause_all');
      const { reconciliation_paused: paused } = body;
      await database.transaction((tx) => pauseAll(kit, tx, { paused, by: caller }));
      return { status: 200, body: { reconciliation_paused: paused } };
    },
  };
}
