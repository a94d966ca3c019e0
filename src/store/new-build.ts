// A build as it is asked for.
import type {
  BuildId,
  JobId,
  OrganizationId,
  PresetId,
  SecretParametersId,
  UserId,
  VersionId,
  WorkspaceId,
} from '../base/id.ts';
import type { Stage, Transition } from '../domain/job/job.ts';

export interface NewBuild {
  readonly id: BuildId;
  readonly jobId: JobId;
  readonly workspaceId: WorkspaceId;
  readonly organizationId: OrganizationId;
  readonly number: number;
  readonly transition: Transition;
  readonly stage: Stage;
  readonly reason: string;
  readonly versionId: VersionId;
  readonly presetId: PresetId | null;
  readonly initiatorId: UserId;
  /** Without the values of sensitive ones. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Where the values of sensitive ones are; null: none was given. */
  readonly secretParametersId: SecretParametersId | null;
  readonly driver: string;
  readonly tags: Readonly<Record<string, string>>;
  /** The machine that has to do it; null: any. */
  readonly machineId: string | null;
  /** 1 claims, 2 people, 3 pool deletes, 4 creations. */
  readonly jobClass: 1 | 2 | 3 | 4;
}
