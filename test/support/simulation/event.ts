// What happens in a simulated system, and how often: ordinary work, and every fault there is. Whatever
// else its processes do, they do by themselves.
import { isAborted } from '../../../src/base/abort.ts';
import { AppError } from '../../../src/base/app-error.ts';
import type { Route, RouteInput } from '../../../src/contract/route.ts';
import { jobRoutes } from '../../../src/contract/job/route.ts';
import { poolRoutes } from '../../../src/contract/pool/route.ts';
import { prebuildRoutes } from '../../../src/contract/prebuilds/route.ts';
import { templateRoutes } from '../../../src/contract/template/route.ts';
import { look } from './look.ts';
import { askAgain, isUnanswered, leaveLine, letGo, newWaits, newWishes, wishFor } from './wish.ts';
import { ORGANIZATION, outwaitSilence, type World } from './world.ts';

export type Event = (world: World) => Promise<unknown>;

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** Many more round trips than a request takes. */
const SOON_TURNS = 60;

/** What operators ask for; that nobody answered, or that it came too late, is no finding. */
async function operate<R extends Route>(
  { client }: World,
  route: R,
  input: RouteInput<R>,
): Promise<void> {
  try {
    await client.call(route, input);
  } catch (error) {
    if (error instanceof AppError && error.code === 'JOB_ENDED') return;
    if (!isUnanswered(error)) throw error;
  }
}

const poolOf = ({
  random,
  templates,
}: World): { params: Record<'organization' | 'template' | 'preset', string> } => {
  const { name: template, preset } = random.pick(templates);
  return { params: { organization: ORGANIZATION, template, preset } };
};
const templateOf = ({ random, templates }: World): { organization: string; template: string } => ({
  organization: ORGANIZATION,
  template: random.pick(templates).name,
});

const resize: Event = (world) =>
  operate(world, poolRoutes.changePool, {
    ...poolOf(world),
    query: {},
    body: { size: { instances: world.random.below(6), overrides_schedules: false } },
  });
/** Or resumes it. */
const pause =
  (probability: number): Event =>
  (world) =>
    operate(world, poolRoutes.changePool, {
      ...poolOf(world),
      query: {},
      body: { paused: world.random.chance(probability) },
    });
const invalidate: Event = (world) =>
  operate(world, poolRoutes.invalidatePool, { ...poolOf(world), query: {} });
const reset: Event = (world) =>
  operate(world, poolRoutes.resetPool, { ...poolOf(world), query: {} });
const pauseEverything =
  (probability: number): Event =>
  (world) =>
    operate(world, prebuildRoutes.putPrebuildSettings, {
      body: { reconciliation_paused: world.random.chance(probability) },
    });
const promote: Event = (world) =>
  operate(world, templateRoutes.promoteVersion, {
    params: { ...templateOf(world), version: world.random.pick(['v1', 'v2']) },
    query: {},
  });
const deprecate: Event = (world) =>
  operate(world, templateRoutes.deprecateTemplate, {
    params: templateOf(world),
    query: {},
    body: { message: world.random.chance(0.5) ? 'use another one' : '' },
  });

const claim: Event = (world) => wishFor(world, newWishes(world, 2));
const wait: Event = (world) => wishFor(world, newWaits(world, 3));
const burst: Event = (world) => wishFor(world, newWishes(world, 8));

/** What was asked for holds from its answer on, also for who comes at once. */
const andThenPeople =
  (operation: Event): Event =>
  async (world) => {
    await operation(world);
    await look(world);
    await wishFor(world, newWishes(world, 4));
  };

const cancel: Event = async (world) => {
  const jobs = await world.store.sql<{ id: string }>(
    `select id from jobs where type = 'workspace_build' and status in ('pending', 'running')
     order by id`,
  );
  if (jobs.length === 0) return;
  const params = { job: world.random.pick(jobs).id };
  await operate(world, jobRoutes.cancelJob, { params, query: {} });
};

/** Everything at once, most often when something has just become too much. */
const rush: Event = async (world) => {
  await Promise.all([
    world.random.chance(0.5) ? resize(world) : promote(world),
    wishFor(world, newWishes(world, 4)),
    world.time.leap(5 * SECOND),
  ]);
};

/** Kills every connection that is in the middle of writing. */
const breakConnections: Event = async (world) => {
  const working = Promise.all([claim(world), world.time.leap(5 * SECOND)]);
  for (let wait = world.random.below(12); wait > 0; wait--) await new Promise(setImmediate);
  await world.store.sql(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid() and backend_xid is not null
       and backend_type = 'client backend'`,
  );
  await working;
};

/**
 * One stands still in the middle of its work, with its locks. What an operator asks for meanwhile is
 * answered before it goes on or after, and holds from then on; nobody who claims waits for it.
 */
const stall: Event = async (world) => {
  const { random, replicas, time, activity } = world;
  await random.pick([claim, resize])(world);
  await look(world);
  const going = time.leap(5 * SECOND);
  for (let wait = random.below(24); wait > 0; wait--) await new Promise(setImmediate);
  const resume = random.pick(replicas).stall();
  await going;
  const operating = random.pick([promote, promote, pauseEverything(1), pause(1), resize])(world);
  if (await isDoneSoon(world, operating)) await look(world);
  // Begun before, a claim may end after: it goes by the moment at which it picks.
  const claiming = wishFor(world, newWishes(world, 4));
  await isDoneSoon(world, claiming);
  await time.leap(15 * SECOND);
  resume();
  await Promise.all([operating, claiming]);
  await activity.quiet();
};

/** Or it waits for somebody. */
async function isDoneSoon({ store }: World, work: Promise<unknown>): Promise<boolean> {
  const done = new AbortController();
  void work.then(
    () => done.abort(),
    () => undefined,
  );
  for (let turn = 0; turn < SOON_TURNS && !isAborted(done.signal); turn++) {
    await store.sql('select');
  }
  return isAborted(done.signal);
}

const killReplica: Event = async (world) => {
  const work = Promise.all([claim(world), world.time.leap(5 * SECOND)]);
  for (let wait = world.random.below(12); wait > 0; wait--) await new Promise(setImmediate);
  await world.random.pick(world.replicas).restart();
  await work;
  await world.activity.quiet();
};
const killDaemon: Event = ({ random, daemons }) => random.pick(daemons).restart();

/** It is taken for dead, and comes back with what it did. */
const cutDaemon: Event = async (world) => {
  const daemon = world.random.pick(world.daemons);
  daemon.setCut(true);
  await outwaitSilence(world);
  daemon.setCut(false);
};

/** Of each pool the one that the next claim would get. */
const breakNext: Event = async ({ store, broken }) => {
  const rows = await store.sql<{ id: string }>(
    `update pool_members set ready = false, broken = 'gone', unready_since = standby_now()
     where workspace_id in (
       select first.workspace_id
       from pools l
       cross join lateral (
         select workspace_id from pool_members m where m.pool_id = l.id and m.ready
         order by born_at, workspace_id limit 1 for update skip locked) as first)
     returning workspace_id as id`,
  );
  for (const { id } of rows) broken.add(id);
};

/** For good or bad; what is bad is built until its pool is limited. */
const changeTemplate: Event = async (world) => {
  world.isTemplateBad = !world.isTemplateBad;
  if (!world.isTemplateBad) return;
  await invalidate(world);
  for (let turn = 0; turn < 6; turn++) {
    await world.time.leap(61 * SECOND);
    await world.activity.quiet();
  }
};
const loseLease: Event = ({ store }) =>
  store.sql(`update leases set expires_at = clock_timestamp() - interval '1 ms'`);
const letTimePass: Event = ({ time, random }) =>
  time.leap(random.pick([SECOND, 6 * SECOND, 6 * SECOND, 61 * SECOND, 20 * MINUTE]));
const shiftClock: Event = ({ time, random }) =>
  time.shift(random.pick([-30 * SECOND, -2 * SECOND, 2 * SECOND, 2 * MINUTE]));

const often = (weight: number, name: string, event: Event): [string, Event][] =>
  Array.from({ length: weight }, () => [name, event]);

type Events = readonly (readonly [string, Event])[];

/** Seeds of test/kept-seeds.json that say what once failed with these events alone. */
export const KEPT_BEFORE_WAITING: readonly number[] = [190980, 191332];

export const EVENTS_WITHOUT_WAITING: Events = [
  ...often(14, 'time', letTimePass),
  ...often(6, 'claim', claim),
  ...often(2, 'burst', burst),
  ...often(2, 'ask again', askAgain),
  ...often(2, 'let go', letGo),
  ...often(5, 'rush', rush),
  ...often(3, 'break connections', breakConnections),
  ...often(5, 'stall', stall),
  ...often(2, 'kill a control plane', killReplica),
  ...often(2, 'kill a daemon', killDaemon),
  ...often(1, 'cut a daemon off', cutDaemon),
  ...often(3, 'template turns', changeTemplate),
  ...often(2, 'promote', andThenPeople(promote)),
  ...often(2, 'deprecate', andThenPeople(deprecate)),
  ...often(3, 'resize', resize),
  ...often(1, 'pause', andThenPeople(pause(0.4))),
  ...often(1, 'reset', reset),
  ...often(2, 'pause everything', andThenPeople(pauseEverything(0.3))),
  ...often(2, 'invalidate', andThenPeople(invalidate)),
  ...often(1, 'cancel', cancel),
  ...often(1, 'break', andThenPeople(breakNext)),
  ...often(1, 'lose the lease', loseLease),
  ...often(1, 'clock jumps', shiftClock),
];

export const EVENTS: Events = [
  ...EVENTS_WITHOUT_WAITING,
  ...often(4, 'wait', wait),
  ...often(1, 'leave the line', leaveLine),
];
