// Whether the machine that a workspace lives on can build another version of its template.
import { AppError } from '../base/app-error.ts';
import type { OrganizationId, WorkspaceId } from '../base/id.ts';
import { describeTags } from '../domain/job/tags.ts';
import { offersTags } from '../store/machine.ts';
import { asJson, type Executor } from '../store/statement.ts';

export interface MachineTags {
  readonly id: WorkspaceId;
  readonly organizationId: OrganizationId;
  readonly machineId: string;
  readonly driver: string;
  readonly tags: Readonly<Record<string, string>>;
  /** The version's name. */
  readonly version: string;
}

/** MACHINE_UNFIT where no daemon of the machine has all of the tags: the build would wait for ever. */
export async function refuseMachine(
  on: Executor,
  asked: MachineTags,
): Promise<AppError | undefined> {
  const { id, organizationId, machineId, driver, tags, version } = asked;
  const { offered } = await offersTags.one(on, {
    ...{ organizationId, machineId, driver },
    tags: asJson(tags),
  });
  if (offered) return undefined;
  return new AppError(
    'MACHINE_UNFIT',
    `workspace ${id} lives on machine "${machineId}", and no daemon there has the tags of version ${version}: ${describeTags(tags)}`,
  );
}
