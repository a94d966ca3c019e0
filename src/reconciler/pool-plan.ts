// What the next turn of pools would do, as the turn itself would decide it: the decision, and what the
// budget and the parameters then make of its creations. Only reads.
import type { Instant } from '../base/clock.ts';
import type { OrganizationId, PoolId, PresetId, WorkspaceId } from '../base/id.ts';
import type { BrakeEvent } from '../domain/pool/brake-event.ts';
import {
  limitCreations,
  type CreationLimits,
  type LimitedCreations,
} from '../domain/pool/budget.ts';
import type { PoolDecision, PresetDecision } from '../domain/pool/decide-pool.ts';
import type { Action, PoolState, Withheld } from '../domain/pool/plan.ts';
import { readCreationBudget } from '../store/creation-budget.ts';
import { readPresetSources } from '../store/preset.ts';
import type { Executor } from '../store/statement.ts';
import { judgeSource, type Source } from './act/source.ts';
import type { ReconcilerOptions } from './options.ts';
import type { SeenPool } from './seen-pool.ts';

export interface DecidedPool {
  readonly seen: SeenPool;
  readonly decision: PoolDecision;
}

export interface PoolPlan {
  /** In the order in which they would be acted on. */
  readonly presets: readonly PresetPlan[];
  /** Failed starts that were kept long enough; failed deletes to try again. */
  readonly housekeeping: {
    readonly retired: readonly WorkspaceId[];
    readonly retried: readonly WorkspaceId[];
  };
  /** What would become of the hard limit; null: nothing that people hear of. */
  readonly brakeEvent: BrakeEvent | null;
  /** When something falls due by itself; null: nothing will. */
  readonly nextAt: Instant | null;
}

export interface PresetPlan {
  readonly presetId: PresetId;
  readonly version: string;
  readonly usingActiveVersion: boolean;
  readonly state: PoolState;
  readonly actions: readonly Action<WorkspaceId>[];
  readonly withheld: Withheld | OverLimit | null;
  /** Why nothing can be built for it: stored already, or what the next turn would find. */
  readonly validationError: string | null;
}

/** What the organization's limits hold back. */
export interface OverLimit {
  readonly reason: 'budget' | 'quota';
  readonly count: number;
}

export function isOverLimit(withheld: Withheld | OverLimit): withheld is OverLimit {
  return withheld.reason === 'budget' || withheld.reason === 'quota';
}

export type PlanOptions = Pick<ReconcilerOptions, 'maxCreationsInFlight'>;

/** The plans of pools of one organization, in at most two statements. */
export async function planPools(
  on: Executor,
  { organizationId, pools }: PoolsToPlan,
  options: PlanOptions,
): Promise<ReadonlyMap<PoolId, PoolPlan>> {
  const creating = pools.filter(({ decision }) => decision.presets.some(creates));
  const limits = await readLimits(on, { organizationId, pools: creating });
  const plan = (pool: DecidedPool): PoolPlan => {
    const { presets, housekeeping, brakes, nextAt } = pool.decision;
    const budget = limits.budgets.get(pool.seen.id);
    return {
      presets: presets.map((decided) => {
        const source = limits.sources.get(decided.preset.id);
        const limit = (count: number): LimitedCreations =>
          budget === undefined || source?.kind !== 'fits'
            ? { allowed: count, overBudget: 0, overQuota: 0 }
            : limitCreations({ count, dailyCost: source.dailyCost }, budget, {
                maxInFlight: options.maxCreationsInFlight,
              });
        const refusal = source?.kind === 'refused' ? source.reason : null;
        return planPreset(pool, decided, { refusal, limit });
      }),
      housekeeping: { retired: housekeeping.retired, retried: housekeeping.retried },
      brakeEvent: brakes?.event ?? null,
      nextAt,
    };
  };
  return new Map(pools.map((pool) => [pool.seen.id, plan(pool)]));
}

export interface PoolsToPlan {
  readonly organizationId: OrganizationId;
  readonly pools: readonly DecidedPool[];
}

interface Limits {
  readonly budgets: ReadonlyMap<PoolId, CreationLimits>;
  /** Of presets that are about to be built for. */
  readonly sources: ReadonlyMap<PresetId, Source>;
}

async function readLimits(on: Executor, { organizationId, pools }: PoolsToPlan): Promise<Limits> {
  if (pools.length === 0) return { budgets: new Map(), sources: new Map() };
  const poolIds = pools.map(({ seen }) => seen.id);
  const presetIds = pools.flatMap(({ decision }) =>
    decision.presets.filter(creates).map(({ preset }) => preset.id),
  );
  const budgets = await readCreationBudget.all(on, { organizationId, poolIds });
  const sources = await readPresetSources.all(on, { presetIds });
  return {
    budgets: new Map(budgets.map((budget) => [budget.poolId, budget])),
    sources: new Map(sources.map((stored) => [stored.presetId, judgeSource(stored)])),
  };
}

function creates({ plan }: PresetDecision): boolean {
  return plan.actions.some(({ kind }) => kind === 'create');
}

function planPreset(
  { seen, decision }: DecidedPool,
  { preset, plan }: PresetDecision,
  limits: { readonly refusal: string | null; readonly limit: (count: number) => LimitedCreations },
): PresetPlan {
  const { refusal } = limits;
  const row = seen.presets.find(({ presetId }) => presetId === preset.id);
  const wanted = plan.actions.find((action) => action.kind === 'create')?.count ?? 0;
  const { overQuota, ...limited } = limits.limit(wanted);
  const allowed = refusal === null ? limited.allowed : 0;
  const others = plan.actions.filter(({ kind }) => kind !== 'create');
  return {
    presetId: preset.id,
    version: row?.version ?? '',
    usingActiveVersion: preset.usingActiveVersion,
    state: plan.state,
    actions: allowed === 0 ? others : [...others, { kind: 'create', count: allowed }],
    withheld: withhold(plan.withheld, {
      count: wanted - allowed,
      reason: refusal !== null ? 'validation_failed' : overQuota > 0 ? 'quota' : 'budget',
    }),
    validationError:
      refusal ?? (decision.revalidate === preset.id ? null : (row?.validationError ?? null)),
  };
}

/** A trial leaves the others withheld already; what else holds it back only adds to their count. */
function withhold(
  decided: Withheld | null,
  more: OverLimit | { readonly count: number; readonly reason: 'validation_failed' },
): PresetPlan['withheld'] {
  if (more.count === 0) return decided;
  return decided === null ? more : { ...decided, count: decided.count + more.count };
}
