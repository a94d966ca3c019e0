// Pools in an unkind world: two replicas that reconcile at once, claims, builds that end in every
// way, promotions, pauses, lost notices, and connections that die in the middle of a transaction.
import type { JobResult } from '../../src/domain/job/job.ts';
import type { PoolId, UserId, VersionId } from '../../src/base/id.ts';
import { PAUSE_LOCK } from '../../src/store/settings.ts';
import { createBuilder, FAILED, SUCCEEDED, type Builder } from './builder.ts';
import { claimOne } from './claim.ts';
import { createFactory, type TestPool } from './factory.ts';
import { findViolations } from './pool-invariants.ts';
import { doneOf, reconcileNow } from './reconcile.ts';
import { createSeeded, type Seeded } from './seeded.ts';
import type { TestStore } from './store.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HUNG: JobResult = { outcome: 'failed', error: 'silent', errorCode: 'hung' };
/** Mostly good news, so that pools get anywhere. */
const RESULTS: readonly JobResult[] = [
  ...Array.from({ length: 7 }, () => SUCCEEDED),
  FAILED,
  HUNG,
  { outcome: 'canceled' },
];

interface PoolFacts {
  readonly poolId: PoolId;
  readonly desired: number;
  readonly paused: boolean;
  readonly mayCreate: boolean;
  readonly limited: boolean;
  /** Limited, and no trial is due. */
  readonly braked: boolean;
}

interface Run {
  readonly store: TestStore;
  readonly random: Seeded;
  readonly builder: Builder;
  readonly replicas: readonly Pick<TestStore, 'kit' | 'database'>[];
  readonly userId: UserId;
  /** The active preset of each pool first; every version stays known, to be promoted again. */
  readonly versions: Map<PoolId, TestPool[]>;
  claims: number;
  /** Every start fails. */
  badTemplate: boolean;
}

type Event = (run: Run) => Promise<void>;

export interface Simulation {
  readonly seed: number;
  readonly steps: number;
}

/** Runs it and gives what was violated, each with the step; empty when all is well. */
export async function simulatePools(
  store: TestStore,
  { seed, steps }: Simulation,
): Promise<readonly string[]> {
  const run = await setUp(store, createSeeded(seed));
  for (let step = 1; step <= steps; step++) {
    const [name, event] = run.random.pick(EVENTS);
    const before = await readFacts(run);
    const startedAt = await readClock(store);
    await event(run);
    const violations = [
      ...(await findViolations(store)),
      ...(await findWrongCreations(run, before, startedAt)),
    ];
    if (violations.length > 0) return violations.map((text) => `step ${step} (${name}): ${text}`);
  }
  return converge(run);
}

async function setUp(store: TestStore, random: Seeded): Promise<Run> {
  const make = createFactory(store);
  const organizationId = await make.organization();
  const versions = new Map<PoolId, TestPool[]>();
  for (let n = 0; n < 2; n++) {
    const template = await make.template({ organizationId });
    const first = await make.pool(template, { desired: 2 + n });
    const second = await make.version(template, { active: false });
    await store.sql(
      'update jobs set completed_at = standby_now(), succeeded = true where id = $1',
      [second.jobId],
    );
    const next = await make.pool(
      { ...template, versionId: second.versionId },
      { name: first.presetName, desired: 3 },
    );
    versions.set(first.poolId, [first, next]);
  }
  return {
    store,
    random,
    versions,
    builder: createBuilder(store),
    replicas: [store, { kit: store.kit, database: store.open(4) }],
    userId: await make.user({ organizationId }),
    claims: 0,
    badTemplate: false,
  };
}

const pools = ({ versions }: Run): readonly TestPool[] =>
  [...versions.values()].map(([active]) => active!);

/** Like a process that died: whatever it was doing is rolled back, and nobody is told. */
async function tolerate(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    const text = String(error);
    if (!/DATABASE_UNAVAILABLE|terminat|connection/i.test(text)) throw error;
  }
}

async function reconcileOne(replica: Run['replicas'][number], poolId: PoolId): Promise<void> {
  const outcome = await reconcileNow(replica, poolId);
  if (outcome.kind === 'reconciled' && outcome.errors.length > 0) throw outcome.errors[0];
}

/** Pools that nobody reconciles are those whose notices were lost. */
const reconcileSome = async (run: Run): Promise<void> => {
  const chosen = pools(run).filter(() => run.random.chance(0.8));
  await Promise.all(
    chosen.flatMap(({ poolId }) =>
      run.replicas.map((replica) => tolerate(reconcileOne(replica, poolId))),
    ),
  );
};

const claimSome = async (run: Run): Promise<void> => {
  const { random, replicas, store, userId } = run;
  const pool = random.pick(pools(run));
  const claims = Array.from({ length: 1 + random.below(3) }, () =>
    tolerate(
      claimOne(random.pick(replicas).database, store.kit, {
        pool,
        userId,
        name: `mine-${++run.claims}`,
      }),
    ),
  );
  await Promise.all(claims);
};

const buildSome = async ({ builder, random, badTemplate }: Run): Promise<void> => {
  for (const { jobId, transition } of await builder.take({ limit: 1 + random.below(6) })) {
    // Some daemons are never heard of again; their jobs stay running until somebody else ends them.
    if (random.chance(0.1)) continue;
    const bad = badTemplate && transition === 'start';
    await builder.finish(jobId, bad ? FAILED : random.pick(RESULTS));
  }
};

const changeTemplate: Event = (run) => {
  run.badTemplate = !run.badTemplate;
  return Promise.resolve();
};

const endLost = async ({ store, builder }: Run): Promise<void> => {
  const lost = await store.sql<{ id: never }>(`select id from jobs where status = 'running'`);
  for (const { id } of lost) await builder.finish(id, HUNG);
};

/** Kills every connection that is in the middle of writing while the replicas reconcile. */
const crash: Event = async (run) => {
  const { store, random } = run;
  const working = Promise.all([reconcileSome(run), claimSome(run)]);
  for (let wait = random.below(12); wait > 0; wait--) await new Promise(setImmediate);
  await store.sql(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid() and backend_xid is not null`,
  );
  await working;
};

const underLock = async (
  { store }: Run,
  poolId: PoolId,
  change: { readonly text: string; readonly values: readonly unknown[] },
): Promise<void> => {
  const client = await store.database.connect();
  try {
    await client.query('begin');
    await client.query('select from pools where id = $1 for no key update', [poolId]);
    await client.query(change.text, [...change.values]);
    await client.query('commit');
  } finally {
    await client.end();
  }
};

const promote: Event = async (run) => {
  const [poolId, versions] = run.random.pick([...run.versions]);
  const next = versions.at(-1)!;
  run.versions.set(poolId, [next, ...versions.slice(0, -1)]);
  const activate = (versionId: VersionId) => ({
    text: 'update templates set active_version_id = $2 where id = $1',
    values: [next.templateId, versionId],
  });
  await Promise.all([reconcileSome(run), underLock(run, poolId, activate(next.versionId))]);
};

const resize: Event = async (run) => {
  const { presetId, poolId } = run.random.pick(pools(run));
  await underLock(run, poolId, {
    text: 'update presets set desired_instances = $2 where id = $1',
    values: [presetId, run.random.below(6)],
  });
};

/** Everything at once, most often when something has just become too much. */
const rush: Event = async (run) => {
  if (run.random.chance(0.6)) await resize(run);
  await Promise.all([reconcileSome(run), claimSome(run), buildSome(run)]);
};

const togglePause: Event = async (run) => {
  const { poolId } = run.random.pick(pools(run));
  await underLock(run, poolId, {
    text: 'update pools set paused = not paused where id = $1',
    values: [poolId],
  });
};

const pauseEverything: Event = async (run) => {
  const client = await run.store.database.connect();
  try {
    await client.query('begin');
    await client.query('select pg_advisory_xact_lock($1)', [PAUSE_LOCK]);
    await client.query(
      `insert into settings values ('prebuilds', $1)
       on conflict (name) do update set value = excluded.value`,
      [JSON.stringify({ reconciliation_paused: run.random.chance(0.2) })],
    );
    await client.query('commit');
  } finally {
    await client.end();
  }
};

const invalidate: Event = async (run) => {
  const { poolId } = run.random.pick(pools(run));
  await underLock(run, poolId, {
    text: 'update pools set last_invalidated_at = standby_now() where id = $1',
    values: [poolId],
  });
};

const breakOne: Event = async ({ store }) => {
  await store.sql(
    `update pool_members set ready = false, broken = 'gone', unready_since = standby_now()
     where workspace_id = (
       select workspace_id from pool_members where running_since is not null
       order by workspace_id limit 1 for update skip locked)`,
  );
};

const letTimePass: Event = ({ store, random }) =>
  store.advanceClock(random.pick([SECOND, 30 * SECOND, 2 * MINUTE, 20 * MINUTE]));

const often = (weight: number, name: string, event: Event): [string, Event][] =>
  Array.from({ length: weight }, () => [name, event]);

const EVENTS: readonly (readonly [string, Event])[] = [
  ...often(8, 'reconcile', reconcileSome),
  ...often(5, 'claim', claimSome),
  ...often(8, 'build', buildSome),
  ...often(2, 'lost daemons', endLost),
  ...often(8, 'rush', rush),
  ...often(4, 'crash', crash),
  ...often(1, 'template turns', changeTemplate),
  ...often(2, 'promote', promote),
  ...often(3, 'resize', resize),
  ...often(1, 'pause', togglePause),
  ...often(1, 'pause everything', pauseEverything),
  ...often(1, 'invalidate', invalidate),
  ...often(1, 'break', breakOne),
  ...often(5, 'time', letTimePass),
];

async function readClock(store: TestStore): Promise<string> {
  const [row] = await store.sql<{ now: string }>('select standby_now()::text as now');
  return row!.now;
}

/** What the pools may do, before a step. */
function readFacts({ store }: Run): Promise<readonly PoolFacts[]> {
  return store.sql<PoolFacts>(
    `select l.id as "poolId", p.desired_instances as desired,
       l.paused or coalesce((select (value ->> 'reconciliation_paused')::boolean from settings),
         false) as paused,
       t.deprecated = '' and t.deleted_at is null and p.status = 'healthy' as "mayCreate",
       exists (select from pool_brakes k where k.pool_id = l.id and k.preset_id = p.id
         and k.limited_at is not null) as limited,
       exists (select from pool_brakes k where k.pool_id = l.id and k.preset_id = p.id
         and k.trial_workspace_id is null and k.trial_at > standby_now()) as braked
     from pools l
     join templates t on t.id = l.template_id
     join presets p on p.version_id = t.active_version_id and p.pool_id = l.id`,
  );
}

/** Creations and deletes of the step against what was allowed before or after it. */
async function findWrongCreations(
  run: Run,
  before: readonly PoolFacts[],
  startedAt: string,
): Promise<readonly string[]> {
  const after = await readFacts(run);
  const violations: string[] = [];
  for (const facts of after) {
    const former = before.find(({ poolId }) => poolId === facts.poolId)!;
    const [made] = await run.store.sql<{ created: number; writes: number; living: number }>(
      `select
         count(*) filter (where b.number = 1 and b.transition = 'start')::int as created,
         count(*)::int as writes,
         (select count(*)::int from pool_members m
          join templates t on t.active_version_id = m.version_id
          join pools l on l.id = m.pool_id
          join jobs j on j.id = m.job_id
          where m.pool_id = $1 and m.transition = 'start' and m.broken is null
            and j.status in ('pending', 'running', 'succeeded')
            and (m.born_at is null
              or m.born_at >= coalesce(l.last_invalidated_at, '-infinity'))) as living
       from builds b
       join workspaces w on w.id = b.workspace_id
       where w.pool_id = $1 and b.created_at >= $2
         and b.initiator_id = '00000000-0000-7000-8000-000000000001'`,
      [facts.poolId, startedAt],
    );
    const { created, writes, living } = made!;
    const target = Math.max(former.desired, facts.desired);
    if (former.paused && facts.paused && writes > 0) violations.push('a paused pool wrote');
    if (created === 0) continue;
    if (!former.mayCreate && !facts.mayCreate) violations.push('a pool created that may not');
    if (living > target) violations.push(`${living} live although ${target} are wanted`);
    if (former.limited && facts.limited && created > 1) violations.push('more than a trial');
    if (former.braked && facts.braked) violations.push('a trial before its time');
  }
  return violations;
}

/** With the faults over, every pool comes to its target and stays there. */
async function converge(run: Run): Promise<readonly string[]> {
  const { store, builder } = run;
  await store.sql('delete from settings');
  await store.sql('update pools set paused = false');
  run.badTemplate = false;
  await endLost(run);
  const settled: string[] = [];
  for (let round = 0; round < 12; round++) {
    settled.length = 0;
    for (const { poolId } of pools(run)) {
      settled.push(...doneOf(await reconcileNow(store, poolId)));
    }
    const built = await builder.buildAll();
    if (settled.length === 0 && built === 0 && (await isAtTarget(run))) break;
    // Past any backoff, cool-down and retry; not past the retention of evidence.
    await store.advanceClock(61 * MINUTE);
  }
  const violations = [...(await findViolations(store))];
  if (!(await isAtTarget(run))) violations.push(`pools did not reach their target`);
  for (let turn = 0; turn < 8; turn++) {
    for (const { poolId } of pools(run)) {
      const done = doneOf(await reconcileNow(store, poolId));
      if (done.length > 0) violations.push(`a settled pool did ${done.join(', ')}`);
    }
  }
  return violations;
}

async function isAtTarget({ store }: Run): Promise<boolean> {
  const [row] = await store.sql<{ off: number }>(
    `select count(*)::int as off
     from pools l
     join templates t on t.id = l.template_id
     join presets p on p.version_id = t.active_version_id and p.pool_id = l.id
     where p.desired_instances <> (
       select count(*) from pool_members m
       where m.preset_id = p.id and m.running_since is not null and m.broken is null)`,
  );
  return row!.off === 0;
}
