// The reconciler of one replica: notices, timers and the leader's periodic pass put pools into one
// queue, and each pool's turn is a reconcile under its lock.
import { OVER } from '../base/abort.ts';
import type { Instant } from '../base/clock.ts';
import { failpoint } from '../base/failpoint.ts';
import { createId, type PoolId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { Precedence } from '../base/precedence.ts';
import { createService, type Service } from '../base/service.ts';
import type { PoolDecision } from '../domain/pool/decide-pool.ts';
import { reconcileConcurrency } from '../domain/pool/reconcile-concurrency.ts';
import type { Database } from '../store/database.ts';
import type { NoticeBus } from '../store/notice-bus.ts';
import { decideAllPools, isDue } from './all-pools.ts';
import { createBoundaryTimers, NO_TIMERS } from './boundary-timers.ts';
import { createKeyedQueue, type RunResult } from './keyed-queue.ts';
import { createLease } from './lease.ts';
import { createOutcomeLog } from './outcome-log.ts';
import { createPoolTriggers } from './pool-triggers.ts';
import type { ReconcilerOptions } from './options.ts';
import { runPass, type PassResult } from './pass.ts';
import { reconcilePool, type PoolOutcome, type ServeWaiters } from './reconcile-pool.ts';

const LEASE = 'reconciler';
const DEFAULT_INTERVAL_MS = 300_000;
/** Failures are mostly short, of the database; a pool that fails for good costs a try every five minutes. */
const RETRY_MS = 1_000;
const RETRY_MAX_MS = 300_000;
/** What is claimed meanwhile is replaced that much later at most. */
const REST_MAX_MS = 50;
/** What runs at a stop is a few statements long. */
const STOP_DEADLINE_MS = 10_000;

export interface ReconcilerDeps {
  readonly database: Database;
  readonly bus: Pick<NoticeBus, 'subscribe'>;
  readonly serveWaiters: ServeWaiters;
  readonly precedence: Pick<Precedence, 'behind'>;
}

export interface Reconciler extends Service {
  /** Puts the pool in the queue and waits for its next turn. */
  reconcile(poolId: PoolId): Promise<RunResult<PoolOutcome>>;
  /** Runs the periodic pass now; while one runs, the answer is that one's. */
  pass(): Promise<PassResult>;
}

export function createReconciler(
  kit: Kit,
  { database, bus, serveWaiters, precedence }: ReconcilerDeps,
  options: ReconcilerOptions,
): Reconciler {
  const log = kit.log.child({ component: 'reconciler' });
  const deps = { ...kit, log, database };
  const outcomes = createOutcomeLog(log);
  const intervalMs = options.intervalMs > 0 ? options.intervalMs : DEFAULT_INTERVAL_MS;
  let stopped = new AbortController().signal;
  let timers = NO_TIMERS;
  let passing: Promise<PassResult> | undefined;
  let pause = new AbortController();

  /** Makes the loop's next pass begin at once. */
  const hurry = (): void => pause.abort(OVER);

  const setTimer = (poolId: PoolId, { nextAt }: PoolDecision, at: Instant): void =>
    timers.set(poolId, nextAt === null ? null : nextAt - at);

  const queue = createKeyedQueue<PoolId, PoolOutcome>(deps, {
    name: 'reconcile-queue',
    workers:
      options.concurrency > 0 ? options.concurrency : reconcileConcurrency(database.maxConnections),
    retryMs: RETRY_MS,
    retryMaxMs: RETRY_MAX_MS,
    restMaxMs: REST_MAX_MS,
    work: async (poolId) => {
      const startedMs = kit.clock.monotonicMs();
      const turn = triggers.begin(poolId);
      const found = { line: false };
      const serveLine: ServeWaiters = (tx, id) => {
        found.line = true;
        return serveWaiters(tx, id);
      };
      const outcome = await reconcilePool(
        { ...deps, serveWaiters: serveLine },
        poolId,
        options,
      ).catch((error: unknown) => {
        turn.fail();
        throw error;
      });
      turn.end(outcome, found);
      await failpoint('pool.committed');
      outcomes.write(poolId, outcome, kit.clock.monotonicMs() - startedMs);
      if (outcome.kind === 'reconciled') {
        const { decision, errors } = outcome;
        setTimer(poolId, decision, outcome.at);
        if (errors.length > 0) throw new AggregateError(errors, `actions failed: ${errors.length}`);
      }
      return outcome;
    },
  });

  const add = (poolId: PoolId): void => queue.add(poolId);
  const triggers = createPoolTriggers({ ...kit, precedence, add });

  const lease = createLease(
    { kit: deps, database, onTaken: hurry },
    {
      name: LEASE,
      holder: createId(kit),
      ttlMs: options.leaseTtlMs,
      takeAtOnce: options.takeLeaseAtOnce,
    },
  );

  const pass = (): Promise<PassResult> => {
    passing ??= runPass({ ...deps, lease, queue, onSettled: setTimer }, options, stopped).finally(
      () => {
        passing = undefined;
      },
    );
    return passing;
  };

  const loop = async (): Promise<void> => {
    let failures = 0;
    while (!stopped.aborted) {
      pause = new AbortController();
      try {
        const result = await pass();
        outcomes.writePass(result);
        if (result.kind === 'completed')
          kit.meter.observe('reconciliation_duration', result.elapsedMs);
        failures = 0;
      } catch (error) {
        failures += 1;
        log.error('pass.failed', { failures, error });
      }
      const pauseMs =
        failures === 0 ? intervalMs : Math.min(intervalMs, RETRY_MS * 2 ** (failures - 1));
      await kit.clock.sleep(pauseMs, pause.signal).catch(() => undefined);
    }
  };

  /** Everywhere, not only where the leader is: it may hang just then. */
  const queueAllDue = async (): Promise<void> => {
    try {
      const { moment, pools } = await decideAllPools(database, options);
      for (const decided of pools) {
        const { pool, decision } = decided;
        if (isDue(decided)) queue.add(pool.id);
        else if (decision !== undefined) setTimer(pool.id, decision, moment.now);
      }
    } catch (error) {
      // The periodic pass will say so, too, if it lasts.
      log.warn('reconciler.look_failed', { error });
    }
  };

  let looks = 0;
  /** However many ask for it while one looks, it is looked once more. */
  const lookAgain = async (): Promise<void> => {
    looks += 1;
    if (looks > 1) return;
    while (looks > 0) {
      looks = 1;
      await queueAllDue();
      looks -= 1;
    }
  };

  let unsubscribe: readonly (() => void)[] = [];
  const service = createService(kit.clock, {
    name: 'reconciler',
    start: async (scope) => {
      const { signal } = scope;
      stopped = signal;
      signal.addEventListener('abort', hurry);
      await queue.start();
      const made = createBoundaryTimers<PoolId>(kit, { signal, onDue: add });
      timers = made;
      scope.background(made.running);
      unsubscribe = [
        ...triggers.listen(bus, scope),
        bus.subscribe('prebuilds', (hint) => {
          if (hint.kind === 'prebuilds') scope.background(lookAgain());
        }),
        bus.subscribe('lease', (hint) => {
          // Any subscriber is told that notices may have been lost.
          if (hint.kind === 'resync' || (hint.kind === 'lease' && hint.name === LEASE)) hurry();
        }),
      ];
      await lease.start();
      scope.background(loop());
      scope.background(stopParts(signal));
    },
    stop: async () => {
      for (const end of unsubscribe) end();
    },
  });

  /** At once: a pass that runs waits for the queue, and other replicas for the lease, whatever hangs here. */
  const stopParts = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const stop = async (): Promise<void> => {
        const parts = [queue, lease];
        await Promise.all(parts.map((part) => part.stop('the reconciler stops', STOP_DEADLINE_MS)));
        resolve();
      };
      signal.addEventListener('abort', () => void stop(), { once: true });
    });

  return { ...service, reconcile: (poolId) => queue.run(poolId), pass };
}
