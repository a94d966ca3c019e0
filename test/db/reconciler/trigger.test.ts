// Everything that gives a pool a turn at once, without a pass: what happens, and what falls due.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createId, type DaemonId } from '../../../src/base/id.ts';
import { registerDaemon } from '../../../src/jobs/register-daemon.ts';
import { watchAgents } from '../../../src/jobs/watch-agents.ts';
import { changePool } from '../../../src/pools/change-pool.ts';
import { invalidatePool } from '../../../src/pools/invalidate-pool.ts';
import { pauseAll } from '../../../src/pools/pause-all.ts';
import { resetPool } from '../../../src/pools/reset-pool.ts';
import type { ReconcilerOptions } from '../../../src/reconciler/options.ts';
import { createReconciler, type Reconciler } from '../../../src/reconciler/reconciler.ts';
import type { Transaction } from '../../../src/store/database.ts';
import { createNoticeBus } from '../../../src/store/notice-bus.ts';
import { deleteTemplate } from '../../../src/templates/delete-template.ts';
import { deprecateTemplate } from '../../../src/templates/deprecate-template.ts';
import { invalidateTemplate } from '../../../src/templates/invalidate-template.ts';
import { promoteVersion } from '../../../src/templates/promote-version.ts';
import { createTestCreator } from '../../support/creator.ts';
import { createBuilder, FAILED, SUCCEEDED, type Builder } from '../../support/builder.ts';
import { countStatements } from '../../support/counted-database.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { nothingFirst } from '../../support/precedence.ts';
import { reconcileNow, RECONCILER_OPTIONS } from '../../support/reconcile.ts';
import { refreshReadiness } from '../../support/refresh-readiness.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { recordTurns, type Turns } from '../../support/turns.ts';
import { asCreated, NO_WAITING } from '../../support/created.ts';
import { nobodyWaits } from '../../support/reconcile.ts';

const MINUTE = 60_000;
const WATCH = { intervalMs: 10_000, agentTimeoutMs: 60_000 };
const HOUR = 60 * MINUTE;
const by = { username: 'operator' };

let store: TestStore;
let make: Factory;
let builder: Builder;
let organization: string;
let pool: TestPool;
/** Of the same organization; nothing happens in it. */
let other: TestPool;
let services: { stop(cause: string, deadlineMs: number): Promise<unknown> }[];

beforeEach(async () => {
  store = await openTestStore();
  make = createFactory(store);
  builder = createBuilder(store);
  services = [];
  organization = 'somewhere';
  const organizationId = await make.organization(organization);
  pool = await make.pool(await make.template({ organizationId }), { desired: 1 });
  other = await make.pool(await make.template({ organizationId }), { desired: 1 });
});
afterEach(async () => {
  for (const service of services.reverse()) await service.stop('test', 5_000);
  await store.close();
});

const reconcile = () => reconcileNow(store, pool.poolId);
const fill = async (): Promise<void> => {
  for (const { poolId } of [pool, other]) await reconcileNow(store, poolId);
  await builder.buildAll();
};
const inTransaction = (work: (tx: Transaction) => Promise<unknown>) =>
  store.database.transaction(work);
const template = () => ({ id: pool.templateId, name: pool.name });
const desire = (instances: number) =>
  store.sql('update presets set desired_instances = $2 where id = $1', [pool.presetId, instances]);

/** A reconciler that has made its first pass and makes no other. */
async function startReplica(
  given: Partial<ReconcilerOptions> = {},
  database = store.database,
): Promise<Turns & { readonly reconciler: Reconciler }> {
  const turns = recordTurns();
  const bus = createNoticeBus({ ...store.kit, database });
  const reconciler = createReconciler(
    { ...store.kit, log: turns.log },
    { database, bus, serveWaiters: nobodyWaits, precedence: nothingFirst },
    { ...RECONCILER_OPTIONS, intervalMs: 24 * HOUR, ...given },
  );
  for (const service of [bus, reconciler]) {
    await service.start();
    services.push(service);
  }
  await reconciler.pass();
  turns.had.length = 0;
  return { ...turns, reconciler };
}

const hasTurn = (turns: Turns) =>
  expect.poll(() => turns.had, { interval: 5 }).toContain(pool.poolId);

interface Trigger {
  /** Before the reconciler starts. */
  readonly prepare?: () => Promise<unknown>;
  readonly happen: () => Promise<unknown>;
}

const readiness = (lifecycle: string) => async (): Promise<void> => {
  const [member] = await store.sql<{ id: string }>(
    'select workspace_id as id from pool_members where pool_id = $1',
    [pool.poolId],
  );
  await store.sql('update agents set lifecycle = $2 where workspace_id = $1', [
    member!.id,
    lifecycle,
  ]);
  await inTransaction((tx) => refreshReadiness(tx, [member!.id as never]));
};
const fillWithAgent = async (): Promise<void> => {
  await reconcile();
  const [member] = await store.sql<{ id: string }>('select workspace_id as id from pool_members');
  await make.agent(member!.id as never);
  await fill();
};
const end = (result: typeof FAILED) => async (): Promise<void> => {
  const [taken] = await builder.take({ poolId: pool.poolId, limit: 1 });
  await builder.finish(taken!.jobId, result);
};
const isPaused = (paused: boolean) => () =>
  inTransaction((tx) =>
    changePool(store.kit, tx, { poolId: pool.poolId, by, paused, size: undefined }),
  );

const TRIGGERS: Readonly<Record<string, Trigger>> = {
  'a claim': {
    prepare: fill,
    happen: async () => {
      const userId = await make.user({ organizationId: pool.organizationId });
      const made = await createTestCreator(creating())(
        { userId, isAdmin: false },
        {
          ...{ organization, template: pool.name, name: 'mine', preset: pool.presetName },
          ...{ parameters: {}, onEmpty: 'fail', idempotencyKey: undefined, ...NO_WAITING },
        },
      );
      expect(asCreated(made).claimed).toBe(true);
    },
  },
  'a build that succeeded': { happen: end(SUCCEEDED) },
  'a build that failed': { happen: end(FAILED) },
  'an agent that became ready': { prepare: fillWithAgent, happen: readiness('ready') },
  'an agent that says nothing any more': {
    prepare: async () => {
      await fillWithAgent();
      await readiness('ready')();
      await store.sql('update agents set last_seen_at = standby_now()');
      await store.sql(
        `insert into watches (name, last_at, judging_from)
         values ('agents', standby_now(), standby_now() - interval '1 day')`,
      );
    },
    happen: async () => {
      // As the sweep goes on meanwhile.
      for (let elapsedMs = 0; elapsedMs <= MINUTE; elapsedMs += WATCH.intervalMs) {
        await store.advanceClock(WATCH.intervalMs);
        await watchAgents(store, WATCH);
      }
    },
  },
  'an agent that was lost': {
    prepare: async () => {
      await fillWithAgent();
      await readiness('ready')();
    },
    happen: readiness('start_error'),
  },
  'a promotion': {
    prepare: async () => {
      await make.version(pool, { active: false });
      await store.sql(
        `update jobs set acquired_at = standby_now(), heartbeat_at = standby_now(), attempt = 1,
           completed_at = standby_now(), succeeded = true
         where type = 'template_version_import' and status = 'pending'`,
      );
    },
    happen: () =>
      inTransaction((tx) =>
        promoteVersion(store.kit, tx, {
          template: template(),
          version: 'v2',
          by,
          options: { maxInFlight: null },
        }),
      ),
  },
  'a deprecation': {
    happen: () =>
      inTransaction((tx) =>
        deprecateTemplate(store.kit, tx, { template: template(), by, message: 'over' }),
      ),
  },
  'a deletion of the template': {
    happen: () =>
      inTransaction((tx) => deleteTemplate(store.kit, tx, { template: template(), by })),
  },
  'an invalidation of the template': {
    happen: () =>
      inTransaction((tx) => invalidateTemplate(store.kit, tx, { template: template(), by })),
  },
  'an invalidation of the pool': {
    happen: () => inTransaction((tx) => invalidatePool(store.kit, tx, { poolId: pool.poolId, by })),
  },
  'another size': {
    happen: () =>
      inTransaction((tx) => {
        const size = { instances: 2, overridesSchedules: false };
        return changePool(store.kit, tx, { poolId: pool.poolId, by, paused: undefined, size });
      }),
  },
  'a pause': { happen: isPaused(true) },
  'a resumption': { prepare: isPaused(true), happen: isPaused(false) },
  'the end of a pause of everything': {
    prepare: async () => {
      await inTransaction((tx) => pauseAll(store.kit, tx, { paused: true, by }));
      await desire(2);
    },
    happen: () => inTransaction((tx) => pauseAll(store.kit, tx, { paused: false, by })),
  },
  'a reset of its brakes': {
    happen: () => inTransaction((tx) => resetPool(store.kit, tx, { poolId: pool.poolId, by })),
  },
  'a daemon that appears': {
    prepare: () => desire(30),
    happen: async () => {
      const { organizationId } = pool;
      await registerDaemon(
        { ...store.kit, database: store.database },
        { keyId: await make.key({ organizationId }), organizationId, tags: {} },
        {
          id: createId<DaemonId>(store.kit),
          ...{ name: 'daemon', machineId: 'home', drivers: ['null'], tags: {}, slots: 8 },
          ...{ version: '1', protocolVersion: 3 },
        },
      );
    },
  },
};

function creating() {
  return { ...store.kit, database: store.database, keyring: store.keyring };
}

describe('a pool has its turn, and no other pool has one, after', () => {
  it.each(Object.entries(TRIGGERS))('%s', async (_, { prepare, happen }) => {
    for (const { poolId } of [pool, other]) await reconcileNow(store, poolId);
    await prepare?.();
    const turns = await startReplica({ maxCreationsInFlight: null });
    await happen();
    await hasTurn(turns);
    expect(turns.had).not.toContain(other.poolId);
  });
});

describe('ten thousand notices', () => {
  it('make a few turns and looks, here and on another replica', async () => {
    await fill();
    const databases = [store.database, store.open()].map(countStatements);
    const replicas = [];
    for (const database of databases) replicas.push(await startReplica({}, database));
    for (const database of databases) database.take();
    for (let n = 0; n < 5_000; n++) {
      store.database.announce([{ kind: 'pool', poolId: pool.poolId }]);
      store.database.announce([{ kind: 'prebuilds' }]);
    }
    for (const turns of replicas) await hasTurn(turns);
    // What the notices put in the queue came before this.
    for (const { reconciler } of replicas) await reconciler.reconcile(pool.poolId);
    for (const database of databases) expect(database.take().transactions).toBeLessThan(12);
  });
});

interface Boundary {
  readonly prepare: () => Promise<unknown>;
  /** From now. */
  readonly afterMs: number;
}

const failOnce = async (): Promise<void> => {
  await reconcile();
  await builder.buildAll(FAILED);
};

const BOUNDARIES: Readonly<Record<string, Boundary>> = {
  'a TTL ends': {
    prepare: async () => {
      await store.sql('update presets set ttl_seconds = 3600 where id = $1', [pool.presetId]);
      await fill();
    },
    afterMs: HOUR,
  },
  'a schedule begins': {
    prepare: async () => {
      await fill();
      await store.sql(
        `update presets
         set timezone = 'UTC', schedules = jsonb_build_array(jsonb_build_object(
           'cron', '* ' || extract(hour from standby_now() at time zone 'UTC' + interval '1 hour')
             || ' * * *',
           'instances', 3))
         where id = $1`,
        [pool.presetId],
      );
    },
    afterMs: HOUR,
  },
  'a backoff ends': { prepare: failOnce, afterMs: MINUTE },
  'a trial is due': {
    prepare: async () => {
      await desire(3);
      await failOnce();
    },
    afterMs: 15 * MINUTE,
  },
  'a retention ends': {
    prepare: async () => {
      await failOnce();
      await desire(0);
    },
    afterMs: 24 * HOUR,
  },
  'a failed delete is tried again': {
    prepare: async () => {
      await fill();
      await desire(0);
      await failOnce();
    },
    afterMs: MINUTE,
  },
  'one that never was ready becomes unhealthy': {
    prepare: async () => {
      await fillWithAgent();
      // Somebody looks for silent agents, and has done so for long.
      await store.sql(
        `insert into watches (name, last_at, judging_from)
         values ('agents', standby_now(), standby_now() - interval '1 day')`,
      );
    },
    afterMs: 10 * MINUTE,
  },
};

describe('a pool has its turn without a notice and without a pass when', () => {
  it.each(Object.entries(BOUNDARIES))('%s', async (_, { prepare, afterMs }) => {
    await prepare();
    const clock = createManualClock();
    const turns = recordTurns();
    const reconciler = createReconciler(
      { ...store.kit, clock, log: turns.log },
      {
        database: store.database,
        bus: { subscribe: () => () => undefined },
        serveWaiters: nobodyWaits,
        precedence: nothingFirst,
      },
      { ...RECONCILER_OPTIONS, intervalMs: 30 * 24 * HOUR, sweepIntervalMs: HOUR },
    );
    await reconciler.start();
    services.push(reconciler);
    await reconciler.pass();
    const outcome = await reconciler.reconcile(pool.poolId);
    const value = outcome.kind === 'done' ? outcome.value : undefined;
    if (value?.kind !== 'reconciled') throw new Error('the pool was not reconciled');
    const aheadMs = value.decision.nextAt! - value.at;
    expect(aheadMs).toBeGreaterThan(0);
    expect(aheadMs).toBeLessThanOrEqual(afterMs + 1);
    turns.had.length = 0;

    await clock.advance(aheadMs - 1);
    expect(turns.had).toEqual([]);
    await store.advanceClock(aheadMs);
    await clock.advance(1);
    await hasTurn(turns);
  });
});
