// The periodic pass of the leader: what needs work, by one short snapshot, into the queue. It is the
// safety net under the notices; with every notice lost the pools still converge.
import type { Instant } from '../base/clock.ts';
import type { OrganizationId, PoolId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { PoolDecision } from '../domain/pool/decide-pool.ts';
import type { Database } from '../store/database.ts';
import { decideAllPools, isDue } from './all-pools.ts';
import type { KeyedQueue } from './keyed-queue.ts';
import type { Lease } from './lease.ts';
import { ensureAllMemberships } from './membership.ts';
import type { DecisionOptions } from './options.ts';
import type { PoolOutcome } from './reconcile-pool.ts';
import { readMoment } from './seen-pool.ts';

export type PassResult =
  | { readonly kind: 'stopped' }
  /** Another replica leads. */
  | { readonly kind: 'not_leading' }
  /** By the settings. */
  | { readonly kind: 'paused' }
  | CompletedPass;

export interface CompletedPass {
  readonly kind: 'completed';
  readonly elapsedMs: number;
  readonly presets: number;
  /** Presets of the pools that were queued. */
  readonly reconciled: number;
  /** Workspaces made, deleted or canceled. */
  readonly actions: number;
  readonly failedPools: number;
  /** Presets by id. */
  readonly hardLimited: readonly string[];
  readonly validationFailed: readonly string[];
  /** Organizations whose pools were left out. */
  readonly failedOrganizations: readonly FailedOrganization[];
}

export interface FailedOrganization {
  readonly organization: OrganizationId;
  /** Why the user of prebuilds could not be made a member of it. */
  readonly error: unknown;
}

export interface PassDeps extends Kit {
  readonly database: Database;
  readonly lease: Pick<Lease, 'confirm'>;
  readonly queue: Pick<KeyedQueue<PoolId, PoolOutcome>, 'run'>;
  /** Hears of every pool that needs nothing now. */
  readonly onSettled: (poolId: PoolId, decision: PoolDecision, at: Instant) => void;
}

/** Throws when the database could not be asked, or the settings say nothing clear. */
export async function runPass(
  deps: PassDeps,
  options: DecisionOptions,
  signal: AbortSignal,
): Promise<PassResult> {
  const { database, lease, clock } = deps;
  const startedMs = clock.monotonicMs();
  if (signal.aborted) return { kind: 'stopped' };
  if (!(await lease.confirm())) return { kind: 'not_leading' };
  if ((await readMoment(database, options)).paused) return { kind: 'paused' };
  const failed = await ensureAllMemberships(deps, database);
  const { moment, pools } = await decideAllPools(database, options);

  const decided = pools.filter(({ pool }) => !failed.has(pool.organizationId));
  const due = decided.filter(isDue);
  for (const { pool, decision } of decided) {
    if (decision?.needsReconciling === false) deps.onSettled(pool.id, decision, moment.now);
  }
  const results = await Promise.all(due.map(({ pool }) => deps.queue.run(pool.id)));
  const count = (numbers: readonly number[]): number => numbers.reduce((sum, n) => sum + n, 0);
  return {
    kind: 'completed',
    elapsedMs: clock.monotonicMs() - startedMs,
    presets: count(decided.map(({ pool }) => pool.presets.length)),
    reconciled: count(due.map(({ pool }) => pool.presets.length)),
    actions: count(
      results.flatMap((result) =>
        result.kind === 'done' && result.value.kind === 'reconciled'
          ? result.value.done.map((done) => done.count)
          : [],
      ),
    ),
    failedPools: results.filter((result) => result.kind === 'failed').length,
    ...report(decided.flatMap(({ decision }) => decision ?? [])),
    failedOrganizations: [...failed].map(([organization, error]) => ({ organization, error })),
  };
}

function report(
  decisions: readonly PoolDecision[],
): Pick<CompletedPass, 'hardLimited' | 'validationFailed'> {
  const seen = decisions
    .flatMap(({ presets }) => presets)
    .filter(({ preset }) => preset.usingActiveVersion && !preset.deleted);
  const idsWhere = (holds: (one: (typeof seen)[number]) => boolean): readonly string[] =>
    seen.filter(holds).map(({ preset }) => preset.id);
  return {
    hardLimited: idsWhere(({ snapshot }) => snapshot.hardLimited),
    validationFailed: idsWhere(({ snapshot }) => snapshot.preset.status === 'validation_failed'),
  };
}
