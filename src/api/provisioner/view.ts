// A job as its daemon gets it.
import type { WorkspaceId } from '../../base/id.ts';
import type { Manifest } from '../../contract/manifest/schema.ts';
import type { AcquiredJob } from '../../contract/provisioner/protocol.ts';
import type { TakenBuild, TakenJob } from '../../store/job-acquire.ts';

export interface Surroundings {
  /** The token by which a workspace's agents introduce themselves. */
  readonly bootstrapToken: (workspaceId: WorkspaceId) => string;
  /** Where workspaces reach the control plane. */
  readonly accessUrl: string;
}

export function viewAcquiredJob(job: TakenJob, surroundings: Surroundings): AcquiredJob {
  return {
    id: job.id,
    attempt: job.attempt,
    type: job.type,
    driver: job.driver,
    template: {
      name: job.template,
      version_id: job.versionId,
      file_hash: job.fileHash,
      manifest: job.manifest as Manifest,
    },
    workspace: job.build === null ? null : viewWorkspace(job.build, surroundings),
  };
}

function viewWorkspace(
  build: TakenBuild,
  { bootstrapToken, accessUrl }: Surroundings,
): NonNullable<AcquiredJob['workspace']> {
  return {
    id: build.workspaceId,
    name: build.name,
    organization: build.organization,
    owner: {
      id: build.ownerId,
      username: build.username,
      display_name: build.displayName,
      email: build.email,
      is_system: build.ownerIsSystem,
    },
    epoch: build.epoch,
    transition: build.transition,
    stage: build.stage,
    build_number: build.number,
    parameters: build.parameters,
    agent_token: bootstrapToken(build.workspaceId),
    access_url: accessUrl,
  };
}
