// Deleting one prebuild that nobody has, other than by a turn of its pool: it counts as the pool's delete all the same.
import { createId, type PoolId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { Transaction } from '../store/database.ts';
import { setMemberBuilds } from '../store/live-pool/grow.ts';
import { insertPoolEvents } from '../store/pool-event.ts';
import { PREBUILDS_USER_ID } from '../store/system-user.ts';
import { beginNextBuild, type NextBuild } from './next-build.ts';

interface PrebuildDelete extends Pick<NextBuild, 'workspace' | 'latest' | 'reason'> {
  readonly poolId: PoolId;
  /** For the event of the pool. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** Begins the build. Whoever calls holds the member, then the workspace, locked; the pool has its turn afterwards. */
export async function beginPrebuildDelete(
  kit: Kit,
  tx: Transaction,
  { workspace, latest, reason, poolId, details }: PrebuildDelete,
): Promise<void> {
  const { id: workspaceId } = workspace;
  const transition = 'delete';
  const jobId = await beginNextBuild(kit, tx, {
    ...{ workspace, latest, transition, reason },
    ...{ initiatorId: PREBUILDS_USER_ID, jobClass: 3 },
  });
  const build = { workspaceId, number: latest.number + 1, transition, jobId } as const;
  // Of what the pool does not count as its own, such as a canary, it is told neither the beginning nor the end.
  if ((await setMemberBuilds(tx, [build])) === 0) return;
  const happened = { kind: 'delete_started', reason, details };
  insertPoolEvents(tx, [{ id: createId(kit), poolId, workspaceId, ...happened }]);
  tx.notify({ kind: 'pool', poolId });
}
