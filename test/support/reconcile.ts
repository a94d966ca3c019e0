// Reconciling in tests: the real thing, with settings that suit a test.
import type { PoolId } from '../../src/base/id.ts';
import type { ReconcilerOptions } from '../../src/reconciler/options.ts';
import {
  reconcilePool,
  type PoolOutcome,
  type ServeWaiters,
} from '../../src/reconciler/reconcile-pool.ts';
import type { Database } from '../../src/store/database.ts';
import type { Keyring } from '../../src/keys/keyring.ts';
import { proveServed } from '../../src/workspaces/waiting/prove-served.ts';
import { serveWaiters } from '../../src/workspaces/waiting/serve-waiters.ts';
import { proveDepsOf, UNPROVEN } from './creator.ts';
import type { TestStore } from './store.ts';

export const RECONCILER_OPTIONS: ReconcilerOptions = {
  intervalMs: 60_000,
  concurrency: 0,
  backoffIntervalMs: 60_000,
  backoffLookbackMs: 3_600_000,
  failureHardLimit: 3,
  hardLimitCooldownMs: 900_000,
  failedRetentionMs: 86_400_000,
  failedKept: 3,
  maxCreationsInFlight: 1_000,
  sweepIntervalMs: 10_000,
  leaseTtlMs: 15_000,
  takeLeaseAtOnce: false,
};

/** For what is about something else. */
export const nobodyWaits: ServeWaiters = () => Promise.reject(new Error('somebody waits'));

/** With the proofs of what was taken for who waits; of agents that are not there yet it is handed over unheard. */
export async function reconcileNow(
  store: Pick<TestStore, 'kit'> & { readonly database: Database; readonly keyring?: Keyring },
  poolId: PoolId,
  options: Partial<ReconcilerOptions> = {},
): Promise<PoolOutcome> {
  const { kit, database, keyring } = store;
  let proofs: Promise<unknown> = Promise.resolve();
  const serving = keyring && proveDepsOf({ ...kit, database, keyring }, UNPROVEN);
  const serve: ServeWaiters = async (tx, id) => {
    if (serving === undefined) return nobodyWaits(tx, id);
    const handedOut = await serveWaiters(serving, tx, id);
    return () => {
      proofs = proveServed(serving, handedOut);
    };
  };
  const deps = { ...kit, database, serveWaiters: serve };
  const outcome = await reconcilePool(deps, poolId, { ...RECONCILER_OPTIONS, ...options });
  await proofs;
  return outcome;
}

/** What the outcome says was done, as `event count` lines. */
export function doneOf(outcome: PoolOutcome): readonly string[] {
  if (outcome.kind !== 'reconciled') return [outcome.kind];
  return outcome.done.map(({ event, count, fields }) => {
    const reason = typeof fields['reason'] === 'string' ? ` ${fields['reason']}` : '';
    return `${event} ${count}${reason}`;
  });
}

/** The pool's living prebuilds, as `transition status` with how many there are. */
export async function countLive(
  store: TestStore,
  poolId: PoolId,
): Promise<Readonly<Record<string, number>>> {
  const rows = await store.sql<{ state: string; count: number }>(
    `select b.transition || ' ' || j.status as state, count(*)::int
     from workspaces w
     cross join lateral (
       select * from builds where workspace_id = w.id order by number desc limit 1) as b
     join jobs j on j.id = b.job_id
     where w.pool_id = $1 and w.deleted_at is null
       and w.owner_id = '00000000-0000-7000-8000-000000000001'
     group by 1 order by 1`,
    [poolId],
  );
  return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
}
