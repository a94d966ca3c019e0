// The next build of a workspace, which goes on from the latest one. Whoever begins it holds the workspace locked.
import {
  createId,
  type BuildId,
  type JobId,
  type OrganizationId,
  type UserId,
} from '../base/id.ts';
import type { WorkspaceId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { manifestSchema } from '../contract/manifest/schema.ts';
import type { Transition } from '../domain/job/job.ts';
import { insertBuilds } from '../store/build.ts';
import type { NewBuild } from '../store/new-build.ts';
import type { RowOf } from '../store/column.ts';
import type { Transaction } from '../store/database.ts';
import { findManifest } from '../store/template-version.ts';
import { findLatestEffective, type findLatestBuild } from '../store/workspace.ts';
import { exchangeAgents } from './exchange-agents.ts';
import { findExcess } from './quota.ts';

type LatestBuild = RowOf<typeof findLatestBuild.columns>;

export interface NextBuild {
  readonly workspace: {
    readonly id: WorkspaceId;
    readonly organizationId: OrganizationId;
    readonly ownerId: UserId;
    readonly machineId: string | null;
  };
  readonly latest: LatestBuild;
  readonly transition: Transition;
  readonly reason: string;
  readonly initiatorId: UserId;
  readonly jobClass: NewBuild['jobClass'];
}

/**
 * Breaks builds_workspace_id_number_key where another one was faster. Throws QUOTA_EXCEEDED for a start that the
 * owner may not spend so much on. Announces it, and gives the job that does it.
 */
export async function beginNextBuild(kit: Kit, tx: Transaction, next: NextBuild): Promise<JobId> {
  const { workspace, latest, transition, reason, initiatorId, jobClass } = next;
  const { organizationId, ownerId: userId, machineId } = workspace;
  const { id: workspaceId } = workspace;
  // A stop or a delete goes on from what was really built.
  const built =
    transition === 'start' ? undefined : await findLatestEffective.maybe(tx, { workspaceId });
  const { versionId, presetId, parameters, secretParametersId, driver, tags } = built ?? latest;
  if (transition === 'stop' && versionId !== latest.versionId) {
    // The next start is of this version again.
    const row = await findManifest.one(tx, { versionId });
    const manifest = manifestSchema.parse(row.manifest);
    await exchangeAgents(kit, tx, { workspaceId, manifest });
  }
  if (transition === 'start' && latest.enforcesQuota) {
    const expense = { organizationId, userId, versionId, workspaceId };
    const refusal = await findExcess(tx, expense);
    if (refusal !== undefined) throw refusal;
  }
  const jobId = createId<JobId>(kit);
  await insertBuilds(tx, [
    {
      id: createId<BuildId>(kit),
      jobId,
      workspaceId,
      number: latest.number + 1,
      stage: 'none',
      ...{ organizationId, machineId, transition, reason, initiatorId, jobClass },
      // It goes on from what the latest build made, so it uses what that one used.
      ...{ versionId, presetId, parameters, secretParametersId, driver, tags },
    },
  ]);
  tx.notify({ kind: 'queue', organizationId, driver }, { kind: 'workspace', workspaceId });
  return jobId;
}
