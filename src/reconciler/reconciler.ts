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
import { createBoundaryTimers, type BoundaryTimers } from './boundary-timers.ts';
import { createBudgetLine } from './budget-line.ts';
import { createKeyedQueue, type RunResult } from './keyed-queue.ts';
import { createLease } from './lease.ts';
import { createOutcomeLog } from './outcome-log.ts';
import { createRefillTimer } from './refill-timer.ts';
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
/** What refills a pool waits so long at most for claims that are under way; pools have reserves for it. */
const REFILL_WAITS_MS = 1_000;
/** A pool that nothing waits for is looked at so long after it came on as it should, unless something else happens. */
const PROGRESS_WAITS_MS = 1_000;
/** What runs at a stop is a few statements long. */
const STOP_DEADLINE_MS = 10_000;

/** Before the start. */
const NO_TIMERS: BoundaryTimers<PoolId> = {
  set: () => undefined,
  bringForward: () => undefined,
};

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
  /** Somebody has joined the pool's line since its last turn, or was in it then. */
  const withLine = new Set<PoolId>();
  /** Their last turn held nothing back and left nobody in a line: that builds of theirs end well changes nothing. */
  const content = new Set<PoolId>();
  const outcomes = createOutcomeLog(log);
  const line = createBudgetLine();
  const refills = createRefillTimer(kit);
  const intervalMs = options.intervalMs > 0 ? options.intervalMs : DEFAULT_INTERVAL_MS;
  let stopped = new AbortController().signal;
  let timers = NO_TIMERS;
  /** Of pools that came on as they should since their last turn began. */
  let progress = NO_TIMERS;
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
      progress.set(poolId, null);
      const refill = refills.begin(poolId);
      const seen = { line: false };
      const serveLine: ServeWaiters = (tx, id) => {
        seen.line = true;
        return serveWaiters(tx, id);
      };
      const outcome = await reconcilePool(
        { ...deps, serveWaiters: serveLine },
        poolId,
        options,
      ).catch((error: unknown) => {
        refill.fail();
        throw error;
      });
      refill.end(outcome);
      if (seen.line) withLine.add(poolId);
      else withLine.delete(poolId);
      if (!seen.line && isContent(outcome)) content.add(poolId);
      else content.delete(poolId);
      await failpoint('pool.committed');
      outcomes.write(poolId, outcome, kit.clock.monotonicMs() - startedMs);
      if (outcome.kind === 'reconciled') {
        const { organizationId, decision, withheld, errors } = outcome;
        setTimer(poolId, decision, outcome.at);
        line.note(
          organizationId,
          poolId,
          withheld.some(({ reason }) => reason === 'budget' || reason === 'quota'),
        );
        if (errors.length > 0) throw new AggregateError(errors, `actions failed: ${errors.length}`);
      }
      return outcome;
    },
  });

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

  /** Have something to do, behind claims that are under way. */
  const givingWay = new Set<PoolId>();
  /** What was claimed is replaced behind those who still wait for what they claim; a line is served at once. */
  const addInItsTurn = (poolId: PoolId): void => {
    if (withLine.has(poolId)) queue.add(poolId);
    else if (!givingWay.has(poolId)) {
      givingWay.add(poolId);
      const add = async (): Promise<void> => {
        givingWay.delete(poolId);
        queue.add(poolId);
      };
      // A stop does not wait for it either: a stopped queue takes nothing.
      void precedence.behind(REFILL_WAITS_MS, add);
    }
  };

  /** What happens in one pool may leave room for another one. */
  const addHeldBack = (poolId: PoolId): void => {
    const waiting = line.next(poolId);
    if (waiting !== undefined) addInItsTurn(waiting);
  };

  const onPool = (poolId: PoolId): void => {
    refills.note(poolId);
    addInItsTurn(poolId);
    addHeldBack(poolId);
  };

  const onProgress = (poolId: PoolId): void => {
    if (!content.has(poolId)) onPool(poolId);
    else {
      progress.bringForward(poolId, PROGRESS_WAITS_MS);
      addHeldBack(poolId);
    }
  };

  const onLine = (poolId: PoolId): void => {
    withLine.add(poolId);
    onPool(poolId);
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
      const startTimers = (): BoundaryTimers<PoolId> => {
        const made = createBoundaryTimers<PoolId>(kit, { signal, onDue: (id) => queue.add(id) });
        scope.background(made.running);
        return made;
      };
      timers = startTimers();
      progress = startTimers();
      unsubscribe = [
        bus.subscribe('pool', (hint) => {
          if (hint.kind === 'pool') onPool(hint.poolId);
          else if (hint.kind === 'resync') hurry();
        }),
        bus.subscribe('progress', (hint) => {
          if (hint.kind === 'progress') onProgress(hint.poolId);
        }),
        bus.subscribe('line', (hint) => {
          if (hint.kind === 'line') onLine(hint.poolId);
        }),
        bus.subscribe('prebuilds', (hint) => {
          if (hint.kind === 'prebuilds') scope.background(lookAgain());
        }),
        bus.subscribe('daemon', (hint) => {
          if (hint.kind !== 'daemon') return;
          for (const poolId of line.waiting(hint.organizationId)) queue.add(poolId);
        }),
        bus.subscribe('lease', (hint) => {
          if (hint.kind === 'lease' && hint.name === LEASE) hurry();
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

function isContent(outcome: PoolOutcome): boolean {
  if (outcome.kind !== 'reconciled') return false;
  return outcome.withheld.length === 0 && outcome.errors.length === 0;
}
