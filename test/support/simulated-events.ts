// What happens in a simulated world, and how often: ordinary work, and every fault there is.
import { AppError } from '../../src/base/app-error.ts';
import type { PoolId } from '../../src/base/id.ts';
import type { JobResult } from '../../src/domain/job/job.ts';
import { changePool } from '../../src/pools/change-pool.ts';
import { invalidatePool } from '../../src/pools/invalidate-pool.ts';
import { pauseAll } from '../../src/pools/pause-all.ts';
import { resetPool } from '../../src/pools/reset-pool.ts';
import { runPass } from '../../src/reconciler/pass.ts';
import type { Transaction } from '../../src/store/database.ts';
import { promoteVersion } from '../../src/templates/promote-version.ts';
import { createWorkspaceCreator } from '../../src/workspaces/create-workspace.ts';
import { createDeferred } from './deferred.ts';
import { FAILED, SUCCEEDED, SWEEP } from './queue.ts';
import { RECONCILER_OPTIONS, reconcileNow } from './reconcile.ts';
import type { SimulatedClaim, SimulatedReplica, SimulatedWorld } from './simulated-world.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

export type Event = (world: SimulatedWorld) => Promise<void>;

export async function reconcile(replica: SimulatedReplica, poolId: PoolId): Promise<void> {
  const outcome = await reconcileNow(replica, poolId);
  if (outcome.kind === 'reconciled' && outcome.errors.length > 0) throw outcome.errors[0];
}

/** The periodic pass of whoever leads; all at once may try. */
export async function passOf({ kit, database, lease }: SimulatedReplica): Promise<void> {
  const queue = {
    run: async (poolId: PoolId) => ({
      kind: 'done' as const,
      value: await reconcileNow({ kit, database }, poolId),
    }),
  };
  const deps = { ...kit, database, lease, queue, onSettled: () => undefined };
  await runPass(deps, RECONCILER_OPTIONS, new AbortController().signal);
}

/** Like a process that died: whatever it was doing is rolled back, or done and never told. */
async function tolerate(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'DATABASE_UNAVAILABLE') throw error;
  }
}

const everybodyPasses: Event = async ({ replicas }) => {
  await Promise.all(replicas.map((replica) => tolerate(passOf(replica))));
};

/** Some notices are lost, some come twice, and they come in any order and to any replica. */
const deliver: Event = async ({ notices, random, replicas }) => {
  const heard = notices.splice(0).flatMap((notice) => {
    if (notice.kind !== 'pool' || random.chance(0.2)) return [];
    return random.chance(0.2) ? [notice.poolId, notice.poolId] : [notice.poolId];
  });
  const wanted = [...new Set(heard), ...heard.slice(0, 2)].sort(() => random.next() - 0.5);
  await Promise.all(wanted.map((poolId) => tolerate(reconcile(random.pick(replicas), poolId))));
};

/** Sends the request, once more if need be. The answer gets lost now and then. */
async function claim(
  world: SimulatedWorld,
  wanted: SimulatedClaim,
  { database } = world.random.pick(world.replicas),
): Promise<void> {
  const { random, store, organization, userId, claimed } = world;
  const { row, versions } = wanted.template;
  world.unanswered = [...world.unanswered.filter(({ name }) => name !== wanted.name), wanted];
  const settle = (): void => {
    world.unanswered = world.unanswered.filter(({ name }) => name !== wanted.name);
  };
  try {
    const { workspaceId } = await createWorkspaceCreator({
      ...store.kit,
      database,
      keyring: store.keyring,
    })(
      { userId, isAdmin: false },
      {
        organization,
        template: row.name,
        name: wanted.name,
        preset: versions[0]?.presetName,
        parameters: {},
        onEmpty: 'fail',
        idempotencyKey: wanted.name,
      },
    );
    if (random.chance(0.15)) return;
    settle();
    const before = claimed.get(wanted.name)?.workspaceId ?? workspaceId;
    if (before !== workspaceId) throw new Error(`${wanted.name} was served twice`);
    claimed.set(wanted.name, { ...wanted, workspaceId });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (error.code === 'DATABASE_UNAVAILABLE') return;
    if (error.code !== 'POOL_EMPTY') throw error;
    settle();
  }
}

const newClaim = (world: SimulatedWorld): SimulatedClaim => ({
  name: `mine-${++world.claims}`,
  template: world.random.pick(world.templates),
});

const claimSome = async (world: SimulatedWorld, count: number): Promise<void> => {
  const wanted = Array.from({ length: count }, () => newClaim(world));
  await Promise.all(wanted.map((one) => claim(world, one)));
};

/** Those that had no answer, and now and then one that had. */
export const askAgain: Event = async (world) => {
  const answered = world.random.chance(0.3) ? [...world.claimed.values()].slice(-1) : [];
  await Promise.all([...world.unanswered, ...answered].map((wanted) => claim(world, wanted)));
};

/** Mostly good news, so that pools get anywhere. */
const RESULTS: readonly JobResult[] = [
  ...Array.from({ length: 8 }, () => SUCCEEDED),
  FAILED,
  { outcome: 'canceled' },
];

const takeSome: Event = async (world) => {
  const { queue, random, daemons } = world;
  const slots = Array.from({ length: 1 + random.below(5) }, () => random.pick(daemons));
  await Promise.all(
    slots.map((daemon) =>
      tolerate(
        queue.take(daemon).then((job) => {
          // One in twelve answers never arrives; the daemon does not know of its job.
          if (job === undefined || random.chance(0.08)) return;
          const attempt = { daemon, jobId: job.id, attempt: job.attempt };
          world.held = [...world.held, attempt];
        }),
      ),
    ),
  );
};

const finishSome: Event = async (world) => {
  const { queue, random, held, badTemplate } = world;
  const ending = held.filter(() => random.chance(0.7));
  world.held = held.filter((attempt) => !ending.includes(attempt));
  const finish = async (attempt: (typeof held)[number]): Promise<void> => {
    const result = badTemplate ? FAILED : random.pick(RESULTS);
    await queue.complete(attempt, result);
    // A report whose answer was lost is sent again, and is a success.
    if (random.chance(0.2)) await queue.complete(attempt, result);
  };
  await Promise.all(ending.map((attempt) => tolerateStale(finish(attempt))));
};

/** What was canceled or given up meanwhile is refused, and nothing changes. */
async function tolerateStale(work: Promise<unknown>): Promise<void> {
  try {
    await tolerate(work);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'ATTEMPT_STALE') throw error;
  }
}

/** Daemons are silent for so long that everything they have is given up. */
export const giveUpSilent: Event = async (world) => {
  world.forgotten = [...world.forgotten, ...world.held];
  world.held = [];
  await world.store.advanceClock(SWEEP.deadAfterMs + SECOND);
  await world.queue.watch();
  await world.queue.sweep();
};

/** Those that were taken for dead come back and tell what they did. */
const comeBack: Event = async (world) => {
  const { queue, random, forgotten } = world;
  world.forgotten = [];
  await Promise.all(
    forgotten.map((attempt) => tolerateStale(queue.complete(attempt, random.pick(RESULTS)))),
  );
};

/** Kills every connection that is in the middle of writing. */
const crash: Event = async (world) => {
  const { store, random } = world;
  const working = Promise.all([
    everybodyPasses(world),
    deliver(world),
    claimSome(world, 3),
    finishSome(world),
  ]);
  for (let wait = random.below(12); wait > 0; wait--) await new Promise(setImmediate);
  await store.sql(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid() and backend_xid is not null`,
  );
  await working;
};

/** One replica stands still before its commit, with its locks; nobody who claims waits for it. */
const stall: Event = async (world) => {
  const [replica, other] = world.replicas;
  if (replica === undefined || other === undefined) return;
  const gate = createDeferred<undefined>();
  replica.stalled = gate.promise;
  const { poolId } = world.random.pick(world.templates);
  const waiting = Promise.all([reconcile(replica, poolId), reconcile(other, poolId)]);
  await claim(world, newClaim(world), other);
  replica.stalled = undefined;
  gate.resolve(undefined);
  await waiting;
};

/** Everything at once, most often when something has just become too much. */
const rush: Event = async (world) => {
  if (world.random.chance(0.6)) await resize(world);
  await Promise.all([
    everybodyPasses(world),
    deliver(world),
    claimSome(world, 3),
    takeSome(world),
    finishSome(world),
  ]);
};

const burst: Event = (world) => claimSome(world, 8);

const BY = { username: 'operator' };

/** What operators do, through a replica that a crash may hit. */
const operate = (
  { random, replicas }: SimulatedWorld,
  work: (tx: Transaction) => Promise<unknown>,
): Promise<void> => tolerate(random.pick(replicas).database.transaction(work));

const resize: Event = (world) => {
  const { poolId } = world.random.pick(world.templates);
  const size = { instances: world.random.below(6), overridesSchedules: false };
  return operate(world, (tx) =>
    changePool(world.store.kit, tx, { poolId, by: BY, paused: undefined, size }),
  );
};
const pause: Event = (world) => {
  const { poolId } = world.random.pick(world.templates);
  const paused = world.random.chance(0.4);
  return operate(world, (tx) =>
    changePool(world.store.kit, tx, { poolId, by: BY, paused, size: undefined }),
  );
};
const pauseEverything: Event = (world) => {
  const paused = world.random.chance(0.2);
  return operate(world, (tx) => pauseAll(world.store.kit, tx, { paused, by: BY }));
};
const invalidate: Event = (world) => {
  const { poolId } = world.random.pick(world.templates);
  return operate(world, (tx) => invalidatePool(world.store.kit, tx, { poolId, by: BY }));
};
const reset: Event = (world) => {
  const { poolId } = world.random.pick(world.templates);
  return operate(world, (tx) => resetPool(world.store.kit, tx, { poolId, by: BY }));
};
const promote: Event = async (world) => {
  const { row: template } = world.random.pick(world.templates);
  const version = world.random.pick(['v1', 'v2']);
  await Promise.all([
    everybodyPasses(world),
    operate(world, (tx) => promoteVersion(world.store.kit, tx, { template, version, by: BY })),
  ]);
};

const breakOne: Event = async ({ store }) => {
  await store.sql(
    `update pool_members set ready = false, broken = 'gone', unready_since = standby_now()
     where workspace_id = (
       select workspace_id from pool_members where running_since is not null
       order by workspace_id limit 1 for update skip locked)`,
  );
};

const changeTemplate: Event = (world) => {
  world.badTemplate = !world.badTemplate;
  return Promise.resolve();
};
const loseLease: Event = async ({ store }) => {
  await store.sql(`update leases set expires_at = clock_timestamp() - interval '1 ms'`);
};
const letTimePass: Event = ({ store, random }) =>
  store.advanceClock(random.pick([SECOND, 30 * SECOND, 2 * MINUTE, 20 * MINUTE]));

const often = (weight: number, name: string, event: Event): [string, Event][] =>
  Array.from({ length: weight }, () => [name, event]);

export const EVENTS: readonly (readonly [string, Event])[] = [
  ...often(5, 'pass', everybodyPasses),
  ...often(5, 'notices', deliver),
  ...often(4, 'claim', (world) => claimSome(world, 2)),
  ...often(1, 'burst', burst),
  ...often(2, 'ask again', askAgain),
  ...often(6, 'take', takeSome),
  ...often(6, 'finish', finishSome),
  ...often(1, 'silence', giveUpSilent),
  ...often(1, 'come back', comeBack),
  ...often(6, 'rush', rush),
  ...often(4, 'crash', crash),
  ...often(2, 'stall', stall),
  ...often(1, 'template turns', changeTemplate),
  ...often(2, 'promote', promote),
  ...often(3, 'resize', resize),
  ...often(1, 'pause', pause),
  ...often(1, 'reset', reset),
  ...often(1, 'pause everything', pauseEverything),
  ...often(1, 'invalidate', invalidate),
  ...often(1, 'break', breakOne),
  ...often(1, 'lose the lease', loseLease),
  ...often(4, 'time', letTimePass),
];
