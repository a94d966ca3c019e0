// The start of a workspace with the newest version of its template, with other parameters, or both.
import { AppError } from '../base/app-error.ts';
import type { Kit } from '../base/kit.ts';
import { isSameParameters } from '../domain/parameter/compare.ts';
import type { Keyring } from '../keys/keyring.ts';
import type { Database, Transaction } from '../store/database.ts';
import { recordUse } from '../store/life.ts';
import { beginOne } from './change-workspace.ts';
import { exchangeAgents } from './exchange-agents.ts';
import { beginNextBuild, type NextBuild } from './next-build.ts';
import { findExcessOf, planRebuild, type Rebuild, type RebuildPlan } from './plan-rebuild.ts';
import type { Requester } from './request.ts';
import { storeSecretParameters } from './secret-parameters.ts';

export interface RebuildDeps extends Kit {
  readonly database: Database;
  readonly keyring: Keyring;
}

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
  const reason = rebuild.updates ? 'update' : 'rebuild';
  return beginOne(deps.database, rebuild.id, (tx) =>
    beginRebuild(deps, tx, { requester, rebuild, reason }),
  );
}

interface Begun {
  readonly requester: Requester;
  readonly rebuild: Rebuild;
  readonly reason: string;
}

/** As `rebuildWorkspace`, in a transaction of the caller's. */
export async function beginRebuild(
  deps: Omit<RebuildDeps, 'database'>,
  tx: Transaction,
  { requester, rebuild, reason }: Begun,
): Promise<'begun' | 'unchanged'> {
  const { id } = rebuild;
  const plan = await planRebuild(deps, tx, { requester, rebuild });
  const [refusal] = plan.refusals;
  if (refusal !== undefined) throw refusal;
  if (plan.isAsPlanned) return 'unchanged';
  if (plan.isRunning) {
    const excess = await findExcessOf(tx, id, plan);
    throw excess ?? new AppError('WORKSPACE_RUNNING', `workspace ${id} is running`);
  }
  const latest = await prepare(deps, tx, { rebuild, plan });
  // What starts by itself is used by nobody.
  if (reason !== 'autostart') await recordUse.run(tx, { id });
  await beginNextBuild(deps, tx, {
    workspace: { id, ...plan.workspace },
    ...{ latest, transition: 'start', reason },
    initiatorId: requester.userId,
    jobClass: 2,
  });
  return 'begun';
}

/** What the build is made of, with the agents and the secrets that it needs stored. */
async function prepare(
  deps: Omit<RebuildDeps, 'database'>,
  tx: Transaction,
  { rebuild, plan }: { readonly rebuild: Rebuild; readonly plan: RebuildPlan },
): Promise<NextBuild['latest']> {
  const { latest, version, parameters } = plan;
  const { id: workspaceId } = rebuild;
  const { manifest } = version;
  const { plain, secret, formerSecrets } = parameters;
  // Secrets that did not change keep their row.
  const secretParametersId = isSameParameters(secret, formerSecrets)
    ? latest.secretParametersId
    : storeSecretParameters(deps, tx, { workspaceId, wanted: { secretParameters: secret } });
  if (version.id !== latest.versionId) await exchangeAgents(deps, tx, { workspaceId, manifest });
  return {
    ...latest,
    versionId: version.id,
    presetId: version.presetId,
    tags: manifest.tags,
    parameters: plain,
    secretParametersId,
  };
}
