// What the build of a claim threw away of the prebuilt workspace: stored with the build, counted and
// told, in the transaction of the build's end. Nothing of it may keep a claim from its end.
import { createId, type AnnouncementId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { Replacement } from '../domain/job/replacement.ts';
import { announceReplacedClaim } from '../store/announcement.ts';
import { countForPool } from '../store/counter.ts';
import type { Transaction } from '../store/database.ts';
import type { BuiltWorkspace, LockedJob } from '../store/job.ts';
import { insertPoolEvents } from '../store/pool-event.ts';
import { storeReplacements } from '../store/replacement.ts';
import { asJson } from '../store/statement.ts';

export interface ClaimReplacements {
  readonly job: Pick<LockedJob, 'id' | 'buildId' | 'number'>;
  readonly workspace: Pick<BuiltWorkspace, 'id' | 'poolId'>;
  readonly replaced: readonly Replacement[];
}

export async function recordReplacements(
  kit: Pick<Kit, 'clock' | 'rng'>,
  tx: Transaction,
  { job, workspace, replaced }: ClaimReplacements,
): Promise<void> {
  const { buildId } = job;
  if (buildId === null || replaced.length === 0) return;
  const resources = asJson(replaced);
  await storeReplacements.run(tx, { buildId, replaced: resources });
  await announceReplacedClaim.run(tx, { id: createId<AnnouncementId>(kit), buildId, resources });
  const { poolId } = workspace;
  if (poolId === null) return;
  countForPool(tx, 'resource_replacements', poolId);
  insertPoolEvents(tx, [
    {
      id: createId(kit),
      poolId,
      kind: 'claim_replaced',
      workspaceId: workspace.id,
      reason: replaced.length === 1 ? '1 resource' : `${replaced.length} resources`,
      details: { build: job.number, replaced },
    },
  ]);
}
