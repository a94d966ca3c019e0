// What a rebuild would do, and why it would be refused, told without doing it.
import type { AppError } from '../base/app-error.ts';
import { manifestSchema } from '../contract/manifest/schema.ts';
import { compareParameters, type ParameterChange } from '../domain/parameter/compare.ts';
import { planAgents } from '../domain/workspace/planned-agents.ts';
import type { Transaction } from '../store/database.ts';
import { findVersionToBuild } from '../store/template-version.ts';
import { findExcessOf, planRebuild, type Rebuild, type RebuildPlan } from './plan-rebuild.ts';
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

/** Throws what `planRebuild` throws. */
export async function previewRebuild(
  deps: RebuildDeps,
  requester: Requester,
  rebuild: Rebuild,
): Promise<RebuildPreview> {
  const { id } = rebuild;
  return deps.database.transaction(
    async (tx) => {
      const plan = await planRebuild(deps, tx, { requester, rebuild });
      const excess = plan.isAsPlanned ? undefined : await findExcessOf(tx, id, plan);
      const former = await findFormerVersion(tx, plan);
      return {
        action: plan.isAsPlanned ? 'none' : plan.isRunning ? 'restart' : 'start',
        ...{ from: former.name, to: plan.version.name },
        parameters: changesOf(plan),
        agents: compareNames(former.agents, agentNames(plan.version.manifest)),
        refusals: excess === undefined ? plan.refusals : [...plan.refusals, excess],
      };
    },
    { mode: 'dry_run' },
  );
}

async function findFormerVersion(
  tx: Transaction,
  { workspace: { templateId }, latest: { versionId, presetId } }: RebuildPlan,
): Promise<{ readonly name: string; readonly agents: readonly string[] }> {
  const wanted = { templateId, versionId, presetId, isActive: false };
  const { name, manifest } = await findVersionToBuild.one(tx, wanted);
  return { name, agents: agentNames(manifestSchema.parse(manifest)) };
}

function changesOf({ parameters, version }: RebuildPlan): readonly PreviewedParameter[] {
  const { former, formerSecrets, plain, secret, issues } = parameters;
  const refused = new Set(issues.map(({ parameter }) => parameter));
  const sensitive = new Set([
    ...Object.keys(formerSecrets),
    ...version.manifest.parameters.filter((one) => one.sensitive).map(({ name }) => name),
  ]);
  return compareParameters(former, { ...plain, ...secret })
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
