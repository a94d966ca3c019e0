// The start of a workspace with the newest version of its template, with other parameters, or both.
import { AppError } from '../base/app-error.ts';
import type { WorkspaceId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { manifestSchema, type Manifest } from '../contract/manifest/schema.ts';
import { isEnded } from '../domain/job/job.ts';
import { parametersInvalid, type ParameterValues } from '../domain/parameter/check.ts';
import { rebuildParameters } from '../domain/parameter/rebuild.ts';
import { splitSensitive } from '../domain/parameter/sensitive.ts';
import type { Keyring } from '../keys/keyring.ts';
import { openParameters } from '../keys/secret-parameters.ts';
import type { RowOf } from '../store/column.ts';
import type { Database, Transaction } from '../store/database.ts';
import { recordUse } from '../store/life.ts';
import { findLatestBuild } from '../store/workspace.ts';
import { findVersionToBuild } from '../store/template-version.ts';
import {
  beginOne,
  buildInProgress,
  checkStart,
  lockForChange,
  type LockedWorkspace,
} from './change-workspace.ts';
import { checkMachineTags } from './check-machine-tags.ts';
import { exchangeAgents } from './exchange-agents.ts';
import { beginNextBuild } from './next-build.ts';
import { findExcess } from './quota.ts';
import type { Requester } from './request.ts';
import { storeSecretParameters } from './secret-parameters.ts';

export interface Rebuild {
  readonly id: WorkspaceId;
  /** With the version that is active now; else with the one that it has. */
  readonly updates: boolean;
  /** Those to be changed. */
  readonly parameters: ParameterValues;
}

export interface RebuildDeps extends Kit {
  readonly database: Database;
  readonly keyring: Keyring;
}

type LatestBuild = RowOf<typeof findLatestBuild.columns>;

/**
 * Does nothing where it runs as it would be built. Throws what a start throws, PARAMETERS_INVALID, TEMPLATE_NOT_READY
 * without an active version, DRIVER_CHANGED, MACHINE_UNFIT, and, once nothing else is wrong, WORKSPACE_RUNNING for one
 * that is not stopped.
 */
export async function rebuildWorkspace(
  deps: RebuildDeps,
  requester: Requester,
  rebuild: Rebuild,
): Promise<'begun' | 'unchanged'> {
  const { id } = rebuild;
  return beginOne(deps.database, id, async (tx) => {
    const workspace = await lockForChange(tx, requester, id);
    const latest = await findLatestBuild.one(tx, { workspaceId: id });
    if (!isEnded(latest.jobStatus)) throw buildInProgress(id);
    checkStart(id, workspace);
    const planned = await plan(deps, tx, { rebuild, workspace, latest });
    if (latest.transition === 'start' && latest.jobStatus === 'succeeded') {
      if (isAsPlanned(latest, planned)) return 'unchanged';
      const { organizationId, ownerId: userId } = workspace;
      const expense = { organizationId, userId, versionId: planned.versionId, workspaceId: id };
      const excess = latest.enforcesQuota ? await findExcess(tx, expense) : undefined;
      if (excess !== undefined) throw excess;
      throw new AppError('WORKSPACE_RUNNING', `workspace ${id} is running`);
    }
    await recordUse.run(tx, { id });
    await beginNextBuild(deps, tx, {
      workspace: { id, ...workspace },
      latest: { ...latest, ...planned },
      transition: 'start',
      reason: rebuild.updates ? 'update' : 'rebuild',
      initiatorId: requester.userId,
      jobClass: 2,
    });
    return 'begun';
  });
}

interface Planning {
  readonly rebuild: Rebuild;
  readonly workspace: LockedWorkspace;
  readonly latest: LatestBuild;
}

/** What a build is made of. */
type Planned = Pick<
  LatestBuild,
  'versionId' | 'presetId' | 'parameters' | 'secretParametersId' | 'tags'
>;

/** With the agents and the secrets that it needs stored. */
async function plan(
  deps: RebuildDeps,
  tx: Transaction,
  { rebuild, workspace, latest }: Planning,
): Promise<Planned> {
  const { id, updates } = rebuild;
  const { templateId } = workspace;
  const version = await findVersionToBuild.maybe(tx, {
    ...{ templateId, versionId: latest.versionId, presetId: latest.presetId },
    isActive: updates,
  });
  if (version === undefined) {
    throw new AppError(
      'TEMPLATE_NOT_READY',
      `the template of workspace ${id} has no active version`,
    );
  }
  const { versionId, presetId } = version;
  const manifest = manifestSchema.parse(version.manifest);
  if (manifest.driver !== latest.driver) {
    throw new AppError(
      'DRIVER_CHANGED',
      `workspace ${id} was made by the driver ${latest.driver}, and version ${version.name} is for ${manifest.driver}`,
    );
  }
  const parameters = await changeParameters(deps, tx, { rebuild, latest, manifest });
  if (versionId !== latest.versionId) {
    const { organizationId, machineId } = workspace;
    if (machineId !== null) {
      const { driver, tags } = manifest;
      const asked = { id, organizationId, machineId, driver, tags, version: version.name };
      await checkMachineTags(tx, asked);
    }
    await exchangeAgents(deps, tx, { workspaceId: id, manifest });
  }
  return { versionId, presetId, tags: manifest.tags, ...parameters };
}

async function changeParameters(
  deps: RebuildDeps,
  tx: Transaction,
  {
    rebuild: { id, parameters: given },
    latest,
    manifest,
  }: Pick<Planning, 'rebuild' | 'latest'> & { readonly manifest: Manifest },
): Promise<Pick<LatestBuild, 'parameters' | 'secretParametersId'>> {
  const { secretParametersId } = latest;
  const secrets =
    secretParametersId === null
      ? {}
      : await openParameters({ on: tx, keyring: deps.keyring }, id, secretParametersId);
  const former = { ...latest.parameters, ...secrets };
  const { values, issues } = rebuildParameters(manifest.parameters, { former, given });
  if (issues.length > 0) throw parametersInvalid(issues);
  // What was sealed stays sealed, whatever the version calls it: it was given as a secret.
  const declared = manifest.parameters.map((parameter) =>
    Object.hasOwn(secrets, parameter.name) ? { ...parameter, sensitive: true } : parameter,
  );
  const { plain, secret } = splitSensitive(declared, values);
  if (isSame(secret, secrets)) return { parameters: plain, secretParametersId };
  const wanted = { secretParameters: secret };
  const stored = await storeSecretParameters(deps, tx, { workspaceId: id, wanted });
  return { parameters: plain, secretParametersId: stored };
}

/** Secrets that did not change keep their row. */
function isAsPlanned(latest: LatestBuild, planned: Planned): boolean {
  return (
    latest.versionId === planned.versionId &&
    latest.secretParametersId === planned.secretParametersId &&
    isSame(latest.parameters, planned.parameters)
  );
}

function isSame(a: ParameterValues, b: ParameterValues): boolean {
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && a[name] === b[name])
  );
}
