// Deleting prebuilds: a delete build for each that is still unclaimed and still as it was decided on.
import { createId, type BuildId, type JobId, type WorkspaceId } from '../../base/id.ts';
import { insertBuilds } from '../../store/build.ts';
import type { NewBuild } from '../../store/new-build.ts';
import { setMemberBuilds } from '../../store/live-pool/grow.ts';
import { takeForDelete, type LastBuild } from '../../store/prebuild.ts';
import { asJson } from '../../store/statement.ts';
import { PREBUILDS_USER_ID } from '../../store/system-user.ts';
import { tell, type Acting, type Done } from './acting.ts';

export async function deletePrebuilds(
  acting: Acting,
  { ids, reason }: { readonly ids: readonly WorkspaceId[]; readonly reason: string },
): Promise<Done> {
  const { kit, tx, pool } = acting;
  const wanted = pool.world.members.filter(({ workspaceId }) => ids.includes(workspaceId));
  const taken = await takeForDelete.all(tx, {
    rows: asJson(wanted.map(({ workspaceId, buildNumber }) => ({ workspaceId, buildNumber }))),
  });
  const builds = taken.map((last) =>
    deleteBuild(last, { id: createId<BuildId>(kit), jobId: createId<JobId>(kit), reason }),
  );
  await insertBuilds(tx, builds);
  await setMemberBuilds(tx, builds);
  await tell(
    acting,
    builds.map(({ workspaceId }) => ({ kind: 'delete_started', workspaceId, reason })),
  );
  for (const { workspaceId, organizationId, driver } of builds) {
    tx.notify({ kind: 'queue', organizationId, driver }, { kind: 'workspace', workspaceId });
  }
  return {
    event: 'pool.deleting',
    level: 'info',
    count: builds.length,
    // What is missing was claimed meanwhile.
    fields: { reason, count: builds.length, claimed_meanwhile: ids.length - builds.length },
  };
}

/** The build that takes away what the last one made, with what that one used. */
export function deleteBuild(
  last: LastBuild,
  { id, jobId, reason }: Pick<NewBuild, 'id' | 'jobId' | 'reason'>,
): NewBuild {
  return {
    id,
    jobId,
    workspaceId: last.workspaceId,
    organizationId: last.organizationId,
    number: last.number + 1,
    transition: 'delete',
    stage: 'none',
    reason,
    versionId: last.versionId,
    presetId: last.presetId,
    initiatorId: PREBUILDS_USER_ID,
    parameters: last.parameters,
    // Nobody has given a prebuild any.
    secretParametersId: null,
    driver: last.driver,
    tags: last.tags,
    machineId: last.machineId,
    jobClass: 3,
  };
}
