// Deleting prebuilds: a delete build for each that is still unclaimed and still as it was decided on.
import { createId, type BuildId, type JobId, type WorkspaceId } from '../../base/id.ts';
import { insertBuilds } from '../../store/build.ts';
import { deleteBuild } from '../../store/delete-build.ts';
import { setMemberBuilds } from '../../store/live-pool/grow.ts';
import { takeForDelete } from '../../store/prebuild.ts';
import { asJson } from '../../store/statement.ts';
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
  tell(
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
