// What a start of a workspace with another version of its template or other parameters would be. Writes nothing.
import { AppError } from '../base/app-error.ts';
import type { PresetId, VersionId, WorkspaceId } from '../base/id.ts';
import { manifestSchema, type Manifest } from '../contract/manifest/schema.ts';
import { isEnded } from '../domain/job/job.ts';
import { parametersInvalid, type ParameterValues } from '../domain/parameter/check.ts';
import { isSameParameters } from '../domain/parameter/compare.ts';
import { rebuildParameters } from '../domain/parameter/rebuild.ts';
import { splitSensitive } from '../domain/parameter/sensitive.ts';
import type { Keyring } from '../keys/keyring.ts';
import { openParameters } from '../keys/secret-parameters.ts';
import type { RowOf } from '../store/column.ts';
import type { Transaction } from '../store/database.ts';
import { findVersionToBuild } from '../store/template-version.ts';
import { findLatestBuild, findLatestEffective } from '../store/workspace.ts';
import {
  buildInProgress,
  lockForChange,
  refuseStart,
  stands,
  type LockedWorkspace,
} from './change-workspace.ts';
import { findExcess } from './quota.ts';
import { refuseMachine } from './refuse-machine.ts';
import type { Requester } from './request.ts';

export interface Rebuild {
  readonly id: WorkspaceId;
  /** With the version that is active now; else with the one that it has. */
  readonly updates: boolean;
  /** Those to be changed. */
  readonly parameters: ParameterValues;
}

interface Plans {
  readonly requester: Requester;
  readonly rebuild: Rebuild;
  /** It is stopped first in any case: it goes on from what is there, and a stop that is under way is none in the way. */
  readonly restarts?: boolean;
}

export interface RebuildPlan {
  readonly workspace: LockedWorkspace;
  /** With what it goes on from. */
  readonly latest: LatestBuild;
  /** It is to be stopped, unless it is as planned. */
  readonly isRunning: boolean;
  /** By the start a stop has ended, be it one that is under way already. */
  readonly stopsFirst: boolean;
  /** It runs with that version and these values. */
  readonly isAsPlanned: boolean;
  readonly version: {
    readonly id: VersionId;
    readonly name: string;
    readonly presetId: PresetId | null;
    readonly manifest: Manifest;
  };
  readonly parameters: PlannedParameters;
  /** All there are: the first is what a rebuild ends with. */
  readonly refusals: readonly AppError[];
}

export interface PlannedParameters {
  readonly plain: ParameterValues;
  readonly secret: ParameterValues;
  /** Those of the latest build that were sealed. */
  readonly formerSecrets: ParameterValues;
  /** Names of those that are given. They count as changed whatever they are: the same value is not told from others. */
  readonly givenSecrets: readonly string[];
  readonly issues: ReturnType<typeof rebuildParameters>['issues'];
}

type LatestBuild = RowOf<typeof findLatestBuild.columns>;

/**
 * Locks the workspace. Throws NOT_FOUND and FORBIDDEN as `lockForChange` does, and TEMPLATE_NOT_READY without an
 * active version.
 */
export async function planRebuild(
  deps: { readonly keyring: Keyring },
  tx: Transaction,
  { requester, rebuild, restarts = false }: Plans,
): Promise<RebuildPlan> {
  const { id, updates } = rebuild;
  const workspace = await lockForChange(tx, requester, id);
  const latest = await findGround(tx, id, restarts);
  const isStopped = stands(latest, 'stop');
  // A restart waits for the end of a stop that is under way.
  const waits = restarts && isStopped;
  const { versionId, presetId } = latest;
  const { templateId } = workspace;
  // The start that follows is an update, too, where the workspace is to be updated automatically.
  const isActive = updates || (restarts && workspace.automaticUpdates === 'always');
  const wanted = { templateId, versionId, presetId, isActive };
  const version = await findVersionToBuild.maybe(tx, wanted);
  if (version === undefined) {
    const first = refuseNow(id, { workspace, latest, waits })[0];
    const detail = `the template of workspace ${id} has no active version`;
    throw first ?? new AppError('TEMPLATE_NOT_READY', detail);
  }
  const manifest = manifestSchema.parse(version.manifest);
  const secrets = await openSecrets(deps, tx, { id, build: latest });
  const parameters = planParameters(rebuild, manifest, { former: latest.parameters, secrets });
  const isRunning = restarts
    ? !isStopped
    : latest.transition === 'start' && latest.jobStatus === 'succeeded';
  const stopsFirst = restarts || isRunning;
  const planned = {
    ...{ workspace, latest, isRunning, stopsFirst, parameters },
    version: { id: version.versionId, name: version.name, presetId: version.presetId, manifest },
  };
  const isAsPlanned = isRunning && !restarts && changesNothing(planned);
  const refusals = [
    ...refuseNow(id, { workspace, latest, waits }),
    ...refuseDriver(id, planned),
    ...(parameters.issues.length > 0 ? [parametersInvalid(parameters.issues)] : []),
    ...(isAsPlanned ? [] : await refuseVersion(tx, id, planned)),
  ];
  return { ...planned, refusals, isAsPlanned };
}

/** What it would cost beyond what its owner may spend. */
export async function findExcessOf(
  tx: Transaction,
  id: WorkspaceId,
  { workspace, latest, version, stopsFirst }: RebuildPlan,
): Promise<AppError | undefined> {
  if (!latest.enforcesQuota) return undefined;
  const { organizationId, ownerId: userId } = workspace;
  const { id: versionId } = version;
  return findExcess(tx, { organizationId, userId, versionId, workspaceId: id, stopsFirst });
}

type Planned = Omit<RebuildPlan, 'refusals' | 'isAsPlanned'>;

/** The latest build; where it is stopped first, with what the stop goes back to, which is what is there. */
async function findGround(
  tx: Transaction,
  workspaceId: WorkspaceId,
  restarts: boolean,
): Promise<LatestBuild> {
  const latest = await findLatestBuild.one(tx, { workspaceId });
  if (!restarts) return latest;
  return { ...latest, ...(await findLatestEffective.maybe(tx, { workspaceId })) };
}

/** Whatever it is to be built with. */
function refuseNow(
  id: WorkspaceId,
  { workspace, latest, waits }: Pick<Planned, 'workspace' | 'latest'> & { readonly waits: boolean },
): readonly AppError[] {
  const refusal = refuseStart(id, workspace);
  return [
    ...(isEnded(latest.jobStatus) || waits ? [] : [buildInProgress(id)]),
    ...(refusal === undefined ? [] : [refusal]),
  ];
}

function refuseDriver(id: WorkspaceId, { latest, version }: Planned): readonly AppError[] {
  const { driver } = version.manifest;
  if (driver === latest.driver) return [];
  const detail = `workspace ${id} was made by the driver ${latest.driver}, and version ${version.name} is for ${driver}`;
  return [new AppError('DRIVER_CHANGED', detail)];
}

async function refuseVersion(
  tx: Transaction,
  id: WorkspaceId,
  { workspace, latest, version, stopsFirst }: Planned,
): Promise<readonly AppError[]> {
  const { organizationId, machineId } = workspace;
  const { driver } = version.manifest;
  // One that is stopped and keeps its version loses nothing by waiting for a daemon.
  if (version.id === latest.versionId && !stopsFirst) return [];
  // That of another driver is refused already, and daemons of that one are nothing to this machine.
  if (machineId === null || driver !== latest.driver) return [];
  const refusal = await refuseMachine(tx, { id, organizationId, machineId, version });
  return refusal === undefined ? [] : [refusal];
}

/** The sealed parameters of a build. */
export async function openSecrets(
  { keyring }: { readonly keyring: Keyring },
  tx: Transaction,
  {
    id,
    build,
  }: { readonly id: WorkspaceId; readonly build: Pick<LatestBuild, 'secretParametersId'> },
): Promise<ParameterValues> {
  const { secretParametersId } = build;
  if (secretParametersId === null) return {};
  return openParameters({ on: tx, keyring }, id, secretParametersId);
}

function planParameters(
  { parameters: given }: Rebuild,
  manifest: Manifest,
  latest: { readonly former: ParameterValues; readonly secrets: ParameterValues },
): PlannedParameters {
  const { secrets: formerSecrets } = latest;
  const former = { ...latest.former, ...formerSecrets };
  // What was sealed stays sealed, whatever the version calls it: it was given as a secret.
  const declared = manifest.parameters.map((parameter) =>
    Object.hasOwn(formerSecrets, parameter.name) ? { ...parameter, sensitive: true } : parameter,
  );
  const { values, issues } = rebuildParameters(declared, { former, given });
  const givenSecrets = declared.flatMap(({ name, sensitive }) =>
    sensitive && Object.hasOwn(given, name) ? [name] : [],
  );
  return { ...splitSensitive(declared, values), formerSecrets, givenSecrets, issues };
}

function changesNothing({ latest, version, parameters }: Planned): boolean {
  const { plain, secret, formerSecrets, givenSecrets } = parameters;
  return (
    latest.versionId === version.id &&
    givenSecrets.length === 0 &&
    isSameParameters(secret, formerSecrets) &&
    isSameParameters(plain, latest.parameters)
  );
}
