// Making prebuilds: a few statements for any number of them, all or nothing.
import {
  createId,
  type AgentId,
  type BuildId,
  type JobId,
  type WorkspaceId,
} from '../../base/id.ts';
import {
  limitCreations,
  type BudgetOptions,
  type CreationLimits,
  type LimitedCreations,
} from '../../domain/pool/budget.ts';
import type { PresetDecision } from '../../domain/pool/decide-pool.ts';
import type { PoolState } from '../../domain/pool/plan.ts';
import { createPrebuildName } from '../../domain/name/prebuild-name.ts';
import { planAgents } from '../../domain/workspace/planned-agents.ts';
import { insertAgents, insertBuilds, insertWorkspaces } from '../../store/build.ts';
import { countRefusedBuild } from '../../store/counter.ts';
import { lockCreationBudget, readCreationBudget } from '../../store/creation-budget.ts';
import { insertMembers } from '../../store/live-pool/grow.ts';
import { storeTrial } from '../../store/pool-brakes.ts';
import { readPresetSources, storePresetStatus } from '../../store/preset.ts';
import { PREBUILDS_USER_ID } from '../../store/system-user.ts';
import { ensureMembership } from '../membership.ts';
import { tell, type Acting, type Done } from './acting.ts';
import { judgeSource, type Source } from './source.ts';

/** The reason of a build that makes a prebuild. */
export const CREATION = 'prebuild';

export interface Created {
  readonly done: readonly Done[];
  /** How many were held back, and by what. */
  readonly held: Omit<LimitedCreations, 'allowed'>;
}

const NOTHING_HELD: Created['held'] = { overBudget: 0, overQuota: 0 };

type FittingSource = Extract<Source, { readonly kind: 'fits' }>;

export async function createPrebuilds(
  acting: Acting,
  { decision, count }: { readonly decision: PresetDecision; readonly count: number },
  options: BudgetOptions,
): Promise<Created> {
  const { preset, plan } = decision;
  const { tx, pool } = acting;
  const wanted = Math.min(count, roomFor(plan.state));
  const clamped: Done[] =
    wanted === count
      ? []
      : [{ event: 'pool.clamped', level: 'critical', count: 0, fields: { asked: count, wanted } }];

  const source = judgeSource(await readPresetSources.one(tx, { presetIds: [preset.id] }));
  if (source.kind === 'refused') {
    const refused = await refuse(acting, decision, source.reason);
    return { done: [...clamped, refused], held: NOTHING_HELD };
  }

  const { organizationId } = pool;
  lockCreationBudget.later(tx, { organizationId });
  const budget = await readBudget(acting);
  const { dailyCost } = source;
  const { allowed, ...held } = limitCreations({ count: wanted, dailyCost }, budget, options);
  if (allowed === 0) return { done: clamped, held };
  const made = await write(acting, decision, { ...source, count: allowed });
  return { done: [...clamped, made], held };
}

/** With the group there whose allowance the pools spend: whoever finds quota in the way has to find it, too. */
async function readBudget({ kit, tx, pool }: Acting): Promise<CreationLimits> {
  const { id: poolId, organizationId } = pool;
  const read = (): Promise<CreationLimits & { readonly hasMembership: boolean }> =>
    readCreationBudget.one(tx, { organizationId, poolIds: [poolId] });
  const budget = await read();
  if (budget.hasMembership) return budget;
  await ensureMembership(kit, tx, organizationId);
  return read();
}

/** What is missing to the target: no decision may ask for more. */
function roomFor(state: PoolState): number {
  const fresh = state.actual - state.unhealthy - state.expired;
  return Math.max(state.target - fresh - state.starting, 0);
}

/** What cannot be built is not tried again before the version changes. */
async function refuse(
  acting: Acting,
  { preset }: PresetDecision,
  validationError: string,
): Promise<Done> {
  await storePresetStatus.one(acting.tx, { presetId: preset.id, validationError });
  countRefusedBuild(acting.tx, { transition: 'start', reason: CREATION });
  tell(acting, [{ kind: 'validation_failed', workspaceId: null, reason: validationError }]);
  return {
    event: 'preset.validation_failed',
    level: 'info',
    count: 0,
    fields: { preset: preset.id, reason: validationError },
  };
}

async function write(
  acting: Acting,
  { preset, snapshot }: PresetDecision,
  { manifest, parameters, count }: FittingSource & { readonly count: number },
): Promise<Done> {
  const { kit, tx, pool } = acting;
  const { organizationId } = pool;
  const rows = Array.from({ length: count }, () => ({
    id: createId<WorkspaceId>(kit),
    jobId: createId<JobId>(kit),
    buildId: createId<BuildId>(kit),
  }));
  const templateId = pool.presets[0]?.templateId;
  if (templateId === undefined) throw new Error(`pool ${pool.id} has no preset`);
  insertWorkspaces(
    tx,
    rows.map(({ id }) => ({
      id,
      organizationId,
      ownerId: PREBUILDS_USER_ID,
      templateId,
      name: createPrebuildName(kit.rng),
      origin: 'prebuild',
      poolId: pool.id,
      epoch: 0,
    })),
  );
  await insertBuilds(
    tx,
    rows.map(({ id, jobId, buildId }) => ({
      id: buildId,
      jobId,
      workspaceId: id,
      organizationId,
      number: 1,
      transition: 'start',
      stage: 'create',
      reason: CREATION,
      versionId: preset.versionId,
      presetId: preset.id,
      initiatorId: PREBUILDS_USER_ID,
      parameters,
      // A preset gives sensitive ones no values.
      secretParametersId: null,
      driver: manifest.driver,
      tags: manifest.tags,
      machineId: null,
      jobClass: 4,
    })),
  );
  insertMembers(
    tx,
    rows.map(({ id, jobId }) => ({
      workspaceId: id,
      poolId: pool.id,
      presetId: preset.id,
      versionId: preset.versionId,
      jobId,
    })),
  );
  const agents = planAgents(manifest);
  insertAgents(
    tx,
    rows.flatMap(({ id: workspaceId }) =>
      agents.map((agent) => ({ ...agent, id: createId<AgentId>(kit), workspaceId })),
    ),
  );
  const [trial] = rows;
  const isTrial = snapshot.hardLimited && trial !== undefined;
  if (isTrial) storeTrial.later(tx, { poolId: pool.id, workspaceId: trial.id });
  const kind = isTrial ? 'trial_started' : 'created';
  tell(
    acting,
    rows.map(({ id: workspaceId }) => ({ kind, workspaceId })),
  );
  tx.notify({ kind: 'queue', organizationId, driver: manifest.driver });
  return {
    event: 'pool.created',
    level: 'info',
    count,
    fields: { preset: preset.id, count, kind },
  };
}
