// Whether the machine that a workspace lives on can build another version of its template.
import { AppError } from '../base/app-error.ts';
import type { OrganizationId, VersionId, WorkspaceId } from '../base/id.ts';
import { describeAbility, describeOutdated } from '../domain/job/protocol.ts';
import { describeTags } from '../domain/job/tags.ts';
import { findMachineFit } from '../store/machine.ts';
import type { Executor } from '../store/statement.ts';

export interface Move {
  readonly id: WorkspaceId;
  readonly organizationId: OrganizationId;
  readonly machineId: string;
  readonly version: {
    readonly id: VersionId;
    readonly name: string;
    readonly manifest: { readonly tags: Readonly<Record<string, string>> };
  };
}

/**
 * MACHINE_UNFIT where no daemon of the machine has all of the tags and is new enough for what the version asks for: the
 * build would wait for ever.
 */
export async function refuseMachine(on: Executor, asked: Move): Promise<AppError | undefined> {
  const { id, organizationId, machineId, version } = asked;
  const wanted = { organizationId, machineId, versionId: version.id };
  const { fits, ...fit } = await findMachineFit.one(on, wanted);
  if (fits) return undefined;
  const there = `workspace ${id} lives on machine "${machineId}", and no daemon there`;
  const ability = describeAbility(fit.minProtocolVersion);
  if (fit.outdatedDaemons.length === 0 || ability === undefined) {
    const tags = describeTags(version.manifest.tags);
    return new AppError(
      'MACHINE_UNFIT',
      `${there} has the tags of version ${version.name}: ${tags}`,
    );
  }
  return new AppError('MACHINE_UNFIT', {
    detail: `${there} can ${ability}, as version ${version.name} asks for${describeOutdated(fit.outdatedDaemons)}`,
    hint: 'Upgrade the daemon of that machine to the release of the control plane, or get a new workspace of the template.',
  });
}
