// Pools in an unkind world (simulated-events.ts): what must hold is checked after each step, and once
// the faults are over every pool has to come to its target by the periodic pass alone.
import type { PoolId } from '../../src/base/id.ts';
import { findViolations } from './pool-invariants.ts';
import { createSeeded } from './seeded.ts';
import { askAgain, EVENTS, giveUpSilent, passOf } from './simulated-events.ts';
import { createSimulatedWorld, type SimulatedWorld } from './simulated-world.ts';
import type { TestStore } from './store.ts';

const MINUTE = 60_000;
const ROUNDS = 16;

export interface Simulation {
  readonly seed: number;
  readonly steps: number;
}

/** What a pool may do, and what it has done since the former look. */
interface PoolFacts {
  readonly poolId: PoolId;
  readonly now: string;
  readonly desired: number;
  readonly paused: boolean;
  readonly mayCreate: boolean;
  readonly limited: boolean;
  /** Limited, and no trial is due. */
  readonly braked: boolean;
  readonly created: number;
  readonly writes: number;
  readonly living: number;
}

/** Runs it and gives what was violated, each with the step; empty when all is well. */
export async function simulatePools(
  store: TestStore,
  { seed, steps }: Simulation,
): Promise<readonly string[]> {
  const world = await createSimulatedWorld(store, createSeeded(seed));
  let before = await readFacts(store, 'infinity');
  for (let step = 1; step <= steps; step++) {
    const [name, event] = world.random.pick(EVENTS);
    await event(world);
    const after = await readFacts(store, before[0]?.now ?? 'infinity');
    const violations = [...(await findViolations(store)), ...compareFacts(before, after)];
    if (violations.length > 0) return violations.map((text) => `step ${step} (${name}): ${text}`);
    before = after;
  }
  return converge(world);
}

/** `since` is left out itself: what was counted by the former look is not counted again. */
function readFacts(store: TestStore, since: string): Promise<readonly PoolFacts[]> {
  return store.sql<PoolFacts>(
    `select l.id as "poolId", standby_now()::text as now, coalesce(l.size_override, p.desired_instances) as desired,
       l.paused or coalesce((select (value ->> 'reconciliation_paused')::boolean from settings),
         false) as paused,
       t.deprecated = '' and t.deleted_at is null and p.status = 'healthy' as "mayCreate",
       exists (select from pool_brakes k where k.pool_id = l.id and k.preset_id = p.id
         and k.limited_at is not null) as limited,
       exists (select from pool_brakes k where k.pool_id = l.id and k.preset_id = p.id
         and k.trial_workspace_id is null and k.trial_at > standby_now()) as braked,
       coalesce(made.created, 0) as created, coalesce(made.writes, 0) as writes,
       (select count(*)::int from pool_members m
        join jobs j on j.id = m.job_id
        where m.pool_id = l.id and m.version_id = t.active_version_id and m.transition = 'start'
          and m.broken is null and j.status in ('pending', 'running', 'succeeded')
          and (m.born_at is null or m.born_at >= coalesce(l.last_invalidated_at, '-infinity')))
         as living
     from pools l
     join templates t on t.id = l.template_id
     join presets p on p.version_id = t.active_version_id and p.pool_id = l.id
     left join lateral (
       select count(*) filter (where b.number = 1 and b.transition = 'start')::int as created,
         count(*)::int as writes
       from builds b
       join workspaces w on w.id = b.workspace_id
       where w.pool_id = l.id and b.created_at > $1::timestamptz
         and b.initiator_id = '00000000-0000-7000-8000-000000000001') as made on true
     order by l.id`,
    [since],
  );
}

/** What was done against what was allowed before or after it. */
function compareFacts(
  before: readonly PoolFacts[],
  after: readonly PoolFacts[],
): readonly string[] {
  return after.flatMap((facts, n) => {
    const former = before[n];
    if (former === undefined) return [];
    const { created, writes, living } = facts;
    const target = Math.max(former.desired, facts.desired);
    const always = (holds: (one: PoolFacts) => boolean): boolean => holds(former) && holds(facts);
    const found: readonly (readonly [boolean, string])[] = [
      [always((one) => one.paused) && writes > 0, 'a paused pool wrote'],
      [always((one) => !one.mayCreate) && created > 0, 'a pool created that may not'],
      [created > 0 && living > target, `${living} live although ${target} are wanted`],
      [always((one) => one.limited) && created > 1, 'more than a trial'],
      [always((one) => one.braked) && created > 0, 'a trial before its time'],
    ];
    return found.flatMap(([isViolated, text]) => (isViolated ? [text] : []));
  });
}

/** With the faults over, every pool comes to its target and stays there; no notice is delivered. */
async function converge(world: SimulatedWorld): Promise<readonly string[]> {
  const { store, queue, daemons } = world;
  await store.sql('delete from settings');
  await store.sql('update pools set paused = false');
  await giveUpSilent(world);
  for (let round = 0; round < ROUNDS && !(await isAtTarget(store)); round++) {
    await pass(world);
    for (const daemon of daemons) {
      for (let job = await queue.take(daemon); job !== undefined; job = await queue.take(daemon)) {
        await queue.complete({ daemon, jobId: job.id, attempt: job.attempt });
      }
    }
    // Past any backoff, cool-down and retry; not past the retention of evidence.
    await store.advanceClock(61 * MINUTE);
  }
  if (!(await isAtTarget(store))) return ['pools did not reach their target'];
  await pass(world);
  const settled = await readFacts(store, 'infinity');
  for (let turn = 0; turn < 8; turn++) await pass(world);
  const written = (await readFacts(store, settled[0]?.now ?? '')).filter(
    ({ writes }) => writes > 0,
  );
  await answerAll(world);
  return [
    ...written.map(() => 'a settled pool went on'),
    ...(await findViolations(store)),
    ...(await findLostClaims(world)),
  ];
}

async function pass({ replicas }: SimulatedWorld): Promise<void> {
  await Promise.all(replicas.map(passOf));
}

async function answerAll(world: SimulatedWorld): Promise<void> {
  while (world.unanswered.length > 0) await askAgain(world);
}

/** What was answered is there for good, and is its owner's. */
async function findLostClaims({ store, claimed, userId }: SimulatedWorld): Promise<string[]> {
  const rows = await store.sql<{ name: string; id: string }>(
    'select name, id from workspaces where owner_id = $1 and deleted_at is null',
    [userId],
  );
  const there = new Map(rows.map(({ name, id }) => [name, id]));
  return [...claimed.values()]
    .filter(({ name, workspaceId }) => there.get(name) !== workspaceId)
    .map(({ name }) => `the claim of ${name} is lost`);
}

async function isAtTarget(store: TestStore): Promise<boolean> {
  const rows = await store.sql(
    `select l.id
     from pools l
     join templates t on t.id = l.template_id
     join presets p on p.version_id = t.active_version_id and p.pool_id = l.id
     where coalesce(l.size_override, p.desired_instances) <> (
       select count(*) from pool_members m
       where m.preset_id = p.id and m.running_since is not null and m.broken is null)
     union all
     select j.id from jobs j where j.status in ('pending', 'running', 'canceling')
       and j.type = 'workspace_build'`,
  );
  return rows.length === 0;
}
