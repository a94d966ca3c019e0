// What a rebuild would do, and why it would be refused, told without doing it.
import type { AppError } from '../base/app-error.ts';
import type { WorkspaceId } from '../base/id.ts';
import { manifestSchema } from '../contract/manifest/schema.ts';
import type { ParameterValues } from '../domain/parameter/check.ts';
import { compareParameters, type ParameterChange } from '../domain/parameter/compare.ts';
import { planAgents } from '../domain/workspace/planned-agents.ts';
import type { Transaction } from '../store/database.ts';
import { findVersionToBuild } from '../store/template-version.ts';
import { findLatestEffective } from '../store/workspace.ts';
import {
  findExcessOf,
  openSecrets,
  planRebuild,
  type Rebuild,
  type RebuildPlan,
} from './plan-rebuild.ts';
import type { RebuildDeps } from './rebuild-workspace.ts';
import type { Requester } from './request.ts';

export interface RebuildPreview {
  /** `restart`: it is stopped first. */
  readonly action: 'none' | 'start' | 'restart';
  /** Names of versions. */
  readonly from: string;
  readonly to: string;
  /** Without those that are refused. */
  readonly parameters: readonly PreviewedParameter[];
  readonly agents: { readonly added: readonly string[]; readonly removed: readonly string[] };
  /** In the order in which a rebuild looks for them. */
  readonly refusals: readonly AppError[];
}

export interface PreviewedParameter extends ParameterChange {
  readonly isSensitive: boolean;
}

export interface PreviewedRebuild extends Rebuild {
  /** Even where nothing changes. */
  readonly restarts: boolean;
}

/** Throws what `planRebuild` throws. */
export async function previewRebuild(
  deps: RebuildDeps,
  requester: Requester,
  { restarts, ...rebuild }: PreviewedRebuild,
): Promise<RebuildPreview> {
  const { id } = rebuild;
  return deps.database.transaction(
    async (tx) => {
      const plan = await planRebuild(deps, tx, { requester, rebuild, restarts });
      const excess = plan.isAsPlanned ? undefined : await findExcessOf(tx, id, plan);
      const former = await findFormer(deps, tx, { id, plan });
      return {
        action: plan.isAsPlanned ? 'none' : plan.isRunning ? 'restart' : 'start',
        ...{ from: former.version, to: plan.version.name },
        parameters: changesOf(former, plan),
        agents: compareNames(former.agents, agentNames(plan.version.manifest)),
        refusals: excess === undefined ? plan.refusals : [...plan.refusals, excess],
      };
    },
    { mode: 'dry_run' },
  );
}

interface Former {
  /** The name. */
  readonly version: string;
  readonly agents: readonly string[];
  readonly parameters: ParameterValues;
  /** Names of those that were sealed. */
  readonly secrets: readonly string[];
}

/** What is there: not what the latest build was to make, where that failed before it changed anything. */
async function findFormer(
  deps: RebuildDeps,
  tx: Transaction,
  { id, plan }: { readonly id: WorkspaceId; readonly plan: RebuildPlan },
): Promise<Former> {
  const { templateId } = plan.workspace;
  const build = (await findLatestEffective.maybe(tx, { workspaceId: id })) ?? plan.latest;
  const { versionId, presetId } = build;
  const wanted = { templateId, versionId, presetId, isActive: false };
  const { name: version, manifest } = await findVersionToBuild.one(tx, wanted);
  const sealed = await openSecrets(deps, tx, { id, build });
  return {
    version,
    agents: agentNames(manifestSchema.parse(manifest)),
    parameters: { ...build.parameters, ...sealed },
    secrets: Object.keys(sealed),
  };
}

function changesOf(
  former: Former,
  { parameters, version }: RebuildPlan,
): readonly PreviewedParameter[] {
  const { formerSecrets, givenSecrets, plain, secret, issues } = parameters;
  const refused = new Set(issues.map(({ parameter }) => parameter));
  const sensitive = new Set([
    ...former.secrets,
    ...Object.keys(formerSecrets),
    ...version.manifest.parameters.filter((one) => one.sensitive).map(({ name }) => name),
  ]);
  return compareParameters(former.parameters, { ...plain, ...secret }, givenSecrets)
    .filter(({ name }) => !refused.has(name))
    .map((change) => ({ ...change, isSensitive: sensitive.has(change.name) }));
}

function agentNames(manifest: RebuildPlan['version']['manifest']): readonly string[] {
  return planAgents(manifest).map(({ name }) => name);
}

function compareNames(
  from: readonly string[],
  to: readonly string[],
): { readonly added: readonly string[]; readonly removed: readonly string[] } {
  return {
    added: to.filter((name) => !from.includes(name)),
    removed: from.filter((name) => !to.includes(name)),
  };
}
