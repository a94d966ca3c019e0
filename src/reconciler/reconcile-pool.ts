// Reconciling one pool: decided again under its lock, in one short READ COMMITTED transaction. What
// made somebody ask for it (a notice, a timer, the periodic pass) decides nothing.
//
// The order of the statements is what makes it exact: the first only locks, and what is decided from
// is read by later ones. Whoever waited for the lock then sees what its former holder wrote.
import type { Instant } from '../base/clock.ts';
import { failpoint } from '../base/failpoint.ts';
import type { OrganizationId, PoolId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { PoolDecision, PresetDecision } from '../domain/pool/decide-pool.ts';
import type { Withheld } from '../domain/pool/plan.ts';
import { countRefusedBuild, type RefusedBuild } from '../store/counter.ts';
import type { Database, Transaction } from '../store/database.ts';
import { lockPool } from '../store/pool-lock.ts';
import { isRetryable } from '../store/sqlstate.ts';
import type { Acting, Done } from './act/acting.ts';
import { applyBrakes, changesBrakes } from './act/brakes.ts';
import { cancelPending } from './act/cancel-pending.ts';
import { createPrebuilds, CREATION, type Created } from './act/create.ts';
import { deletePrebuilds } from './act/delete.ts';
import type { ReconcilerOptions } from './options.ts';
import { decideSeenPool, readPools } from './seen-pool.ts';

export type PoolOutcome =
  /** Nothing is wanted of the pool and nothing of it is alive, or there is no such pool. */
  | { readonly kind: 'idle' }
  /** By the settings or by itself: nothing was written. */
  | { readonly kind: 'paused' }
  | ReconciledPool;

export interface ReconciledPool {
  readonly kind: 'reconciled';
  readonly organizationId: OrganizationId;
  readonly at: Instant;
  readonly decision: PoolDecision;
  readonly done: readonly Done[];
  readonly withheld: readonly WithheldCreation[];
  /** What failed; the rest was done. */
  readonly errors: readonly unknown[];
}

/** What is held back, and from which preset. */
export interface WithheldCreation {
  readonly preset: string;
  readonly count: number;
  readonly reason: Withheld['reason'] | 'budget' | 'quota';
}

/**
 * Gives the pool's prebuilds to those who wait for them; called under the pool's lock. Gives what is left to do once
 * that is committed, and takes no time.
 */
export type ServeWaiters = (tx: Transaction, poolId: PoolId) => Promise<() => void>;

export interface ReconcileDeps extends Kit {
  readonly database: Database;
  readonly serveWaiters: ServeWaiters;
}

/** Throws when the pool could not be read or the settings say nothing clear. */
export async function reconcilePool(
  deps: ReconcileDeps,
  poolId: PoolId,
  options: ReconcilerOptions,
): Promise<PoolOutcome> {
  let afterServing: (() => void) | undefined;
  const outcome = await deps.database.transaction(async (tx): Promise<PoolOutcome> => {
    const locked = await lockPool.maybe(tx, { poolId });
    if (locked === undefined) return { kind: 'idle' };
    // Before anything is decided: what they get is not extraneous. A pause does not hold them back either.
    afterServing = locked.hasLine ? await deps.serveWaiters(tx, poolId) : undefined;
    if (locked.paused) return { kind: 'paused' };
    const { moment, pools } = await readPools(tx, [poolId], options);
    if (moment.paused) return { kind: 'paused' };
    const [pool] = pools;
    if (pool === undefined) return { kind: 'idle' };
    const decision = decideSeenPool(pool, moment, options);
    const acted = await act({ kit: deps, tx, pool }, decision, options);
    await failpoint('pool.decided');
    const { organizationId } = locked;
    return { kind: 'reconciled', organizationId, at: moment.now, decision, ...acted };
  });
  afterServing?.();
  return outcome;
}

type Acted = Pick<ReconciledPool, 'done' | 'withheld' | 'errors'>;

async function act(
  acting: Acting,
  decision: PoolDecision,
  options: ReconcilerOptions,
): Promise<Acted> {
  const done: Done[] = [];
  const errors: unknown[] = [];
  const held = new Map<PresetDecision, Created['held']>();
  const attempt = async (
    work: () => Promise<readonly Done[]>,
    build?: RefusedBuild,
  ): Promise<void> => {
    try {
      done.push(...(await acting.tx.savepoint(work)));
    } catch (error) {
      // A deadlock is over when the whole transaction begins again.
      if (isRetryable(error)) throw error;
      errors.push(error);
      if (build !== undefined) countRefusedBuild(acting.tx, build);
    }
  };

  if (changesBrakes(decision)) await attempt(() => applyBrakes(acting, decision));
  for (const preset of decision.presets) {
    for (const action of preset.plan.actions) {
      await attempt(async () => {
        switch (action.kind) {
          case 'cancel_pending':
            return [
              await cancelPending(acting, { presetId: preset.preset.id, count: action.count }),
            ];
          case 'delete':
            return [await deletePrebuilds(acting, action)];
          case 'create': {
            const order = { decision: preset, count: action.count };
            const created = await createPrebuilds(acting, order, {
              maxInFlight: options.maxCreationsInFlight,
            });
            held.set(preset, created.held);
            return created.done;
          }
        }
      }, buildOf(action));
    }
  }
  const { retired, retried } = decision.housekeeping;
  for (const [ids, reason] of [[retired, 'retention'] as const, [retried, 'retry'] as const]) {
    if (ids.length === 0) continue;
    const build = { transition: 'delete', reason } as const;
    await attempt(async () => [await deletePrebuilds(acting, { ids, reason })], build);
  }
  return { done, errors, withheld: decision.presets.flatMap((one) => withheldOf(one, held)) };
}

/** The builds that an action queues, should that fail. */
function buildOf(action: PresetDecision['plan']['actions'][number]): RefusedBuild | undefined {
  switch (action.kind) {
    case 'create':
      return { transition: 'start', reason: CREATION };
    case 'delete':
      return { transition: 'delete', reason: action.reason };
    case 'cancel_pending':
      return undefined;
  }
}

function withheldOf(
  decided: PresetDecision,
  held: ReadonlyMap<PresetDecision, Created['held']>,
): readonly WithheldCreation[] {
  const preset = decided.preset.id;
  const { withheld } = decided.plan;
  const { overBudget = 0, overQuota = 0 } = held.get(decided) ?? {};
  return [
    ...(withheld === null ? [] : [{ preset, count: withheld.count, reason: withheld.reason }]),
    ...(overBudget === 0 ? [] : [{ preset, count: overBudget, reason: 'budget' as const }]),
    ...(overQuota === 0 ? [] : [{ preset, count: overQuota, reason: 'quota' as const }]),
  ];
}
