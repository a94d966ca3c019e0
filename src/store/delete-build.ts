// The build that takes a prebuild away.
import type { NewBuild } from './new-build.ts';
import type { LastBuild } from './prebuild.ts';
import { PREBUILDS_USER_ID } from './system-user.ts';

/** Takes away what the last build made, with what that one used. */
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
