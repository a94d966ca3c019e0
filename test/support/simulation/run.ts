// One life of a simulated system: what must hold is checked after each step, and once the faults are over
// every pool has to come to its target although no notice arrives any more.
import { reconcileNow } from '../reconcile.ts';
import type { TestStore } from '../store.ts';
import { CALM } from './dials.ts';
import { EVENTS, EVENTS_WITHOUT_WAITING, KEPT_BEFORE_WAITING } from './event.ts';
import { readFacts } from './fact.ts';
import type { Home } from './home.ts';
import type { Life } from './life.ts';
import { look } from './look.ts';
import { askAgain, newWish, newWishes, wishFor } from './wish.ts';
import { createWorld, outwaitSilence, type Wish, type World } from './world.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const DAY_SECONDS = 86_400;
const PASS_MS = 61 * SECOND;
/** Past any backoff, cool-down and retry, and two polls; not past the retention of evidence. */
const ROUND = [61 * MINUTE, 6 * SECOND, 6 * SECOND];
const ROUNDS = 16;
/** What these leave undone is done. */
const SETTLED_TURNS = 3;
/** Of a few seconds: builds that succeed serve a line within some. */
const SERVED_TURNS = 8;

/** Runs it and gives what was violated, with what had happened; empty when all is well. */
export async function simulate(home: Home, life: Life): Promise<readonly string[]> {
  const { seed, steps } = life;
  const events = KEPT_BEFORE_WAITING.includes(seed) ? EVENTS_WITHOUT_WAITING : EVENTS;
  await home.clear();
  await using world = await createWorld(home, seed);
  const happened: string[] = [];
  const told = (): readonly string[] =>
    world.findings.map((text) => `after ${happened.join(', ')}: ${text}`);
  for (let step = 1; step <= steps; step++) {
    const [name, event] = world.random.pick(events);
    happened.push(name);
    await event(world);
    // Now and then the next thing happens while this one is under way.
    if (world.random.chance(0.7)) await world.activity.quiet();
    await look(world);
    if (world.findings.length > 0) return told();
  }
  happened.push('the faults were over');
  await converge(world, life);
  return told();
}

/** With the faults over, every pool comes to its target and stays there; no notice is delivered. */
async function converge(world: World, { hasLine }: Pick<Life, 'hasLine'>): Promise<void> {
  const { store, findings } = world;
  world.dials = { ...CALM, lostNotice: 1 };
  world.isTemplateBad = false;
  // A pause that was asked for last would come after its end, and hold.
  await world.activity.quiet();
  await store.sql(`delete from settings where name = 'prebuilds'`);
  await store.sql('update pools set paused = false');
  await store.sql(`update templates set deprecated = ''`);
  if (await isWorkedOn(store)) await outwaitSilence(world);
  // What was told while notices got lost, a pass notices.
  else await leapQuietly(world, PASS_MS);
  let unsettled = await findUnsettled(store);
  for (let round = 0; round < ROUNDS && unsettled.length > 0; round++) {
    for (const ms of ROUND) {
      if (unsettled.length === 0) break;
      await leapQuietly(world, ms);
      unsettled = await findUnsettled(store);
    }
  }
  if (unsettled.length > 0) {
    findings.push(`pools did not reach their target: ${unsettled.join('; ')}`);
    return;
  }
  await leapQuietly(world, PASS_MS);
  const settled = await readFacts(store);
  await leapQuietly(world, PASS_MS);
  for (const { poolId } of world.templates) {
    for (let turn = 0; turn < SETTLED_TURNS; turn++) await reconcileNow(store, poolId);
  }
  world.facts = await readFacts(store);
  const isRestless = world.facts.pools.some(
    ({ written }, n) => written !== settled.pools[n]?.written,
  );
  while (world.unanswered.length > 0) await askAgain(world);
  // Who was heard of only now may have to wait until the pool has built for them.
  await outlastLine(world);
  // Served, or told why not: nobody is left in line by now, and no place was lost.
  await wishFor(world, [...world.inLine.values()]);
  for (const name of world.inLine.keys()) findings.push(`${name} stands in line still`);
  if (isRestless) findings.push('a settled pool went on');
  findings.push(...(await serveCrowd(world)));
  if (hasLine) findings.push(...(await serveLine(world)));
  await look(world);
  findings.push(...(await findLostClaims(world)));
}

/** By somebody who may be gone, so that nothing else comes of it. */
async function isWorkedOn(store: TestStore): Promise<boolean> {
  const rows = await store.sql(`select from jobs where status in ('running', 'canceling') limit 1`);
  return rows.length > 0;
}

async function leapQuietly({ time, activity }: World, ms: number): Promise<void> {
  await time.leap(ms);
  await activity.quiet();
}

/** More people at once than there are prebuilds: each of these goes to one of them. */
async function serveCrowd(world: World): Promise<readonly string[]> {
  const { store, templates, random } = world;
  const before = await readFacts(store);
  const rows = await store.sql<{ poolId: string; ready: number }>(
    `select pool_id as "poolId", count(*)::int as ready from pool_members m
     where m.running_since is not null and m.ready group by 1 order by 1`,
  );
  const wishes = templates.flatMap((template) => {
    const ready = rows.find(({ poolId }) => poolId === template.poolId)?.ready ?? 0;
    const onEmpty = random.pick(['create', 'fail'] as const);
    return Array.from({ length: ready + 1 }, () => newWish(world, { template, onEmpty }));
  });
  await wishFor(world, wishes);
  const after = await readFacts(store);
  return after.pools.flatMap(({ id, claimed }, n) => {
    const hits = claimed - (before.pools[n]?.claimed ?? 0);
    const ready = rows.find(({ poolId }) => poolId === id)?.ready ?? 0;
    return hits === ready ? [] : [`${hits} prebuilds of ${ready} went to ${ready + 1} people`];
  });
}

/** More than a pool builds at once. Each is served in the end, and in their order. */
async function serveLine(world: World): Promise<readonly string[]> {
  const { random, templates } = world;
  const template = random.pick(templates);
  const wishes = [0, 5, 0, 5, 0, 5].map((priority) => {
    const place = { priority, timeoutSeconds: DAY_SECONDS };
    return newWish(world, { template, onEmpty: 'wait', place });
  });
  // Notices do arrive: that all is well without was seen before, and takes many times as long.
  world.dials = CALM;
  await wishFor(world, wishes);
  await world.activity.quiet();
  await look(world);
  for (let turn = 0; turn < SERVED_TURNS && (await isInLine(world)); turn++) {
    // Some come who would not wait, and it is not their turn. What is built for them is most of what they cost.
    const passing = newWishes(world, 2).map((wish, n): Wish =>
      n === 0 ? wish : { ...wish, onEmpty: 'fail' },
    );
    await Promise.all([leapQuietly(world, 6 * SECOND), wishFor(world, passing)]);
    await look(world);
  }
  await outlastLine(world);
  await wishFor(world, wishes);
  return wishes.flatMap(({ name }) =>
    world.served.has(name) ? [] : [`${name} waited, and was not served`],
  );
}

/** Until nobody waits any more; for as long as it takes to have everything built at most. */
async function outlastLine(world: World): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    for (const ms of ROUND) {
      if (!(await isInLine(world))) return;
      await leapQuietly(world, ms);
      await look(world);
    }
  }
}

async function isInLine({ store }: World): Promise<boolean> {
  return (await store.sql('select from waiters where ended_at is null')).length > 0;
}

/** What was answered is there for good, and is its owner's. */
async function findLostClaims({ store, served }: World): Promise<string[]> {
  const rows = await store.sql<{ name: string; id: string }>(
    `select w.name, w.id from workspaces w join users u on u.id = w.owner_id
     where not u.is_system and w.deleted_at is null`,
  );
  const there = new Map(rows.map(({ name, id }) => [name, id]));
  return [...served.values()]
    .filter(({ name, workspaceId }) => there.get(name) !== workspaceId)
    .map(({ name }) => `the workspace ${name} is lost`);
}

/** What keeps pools from being at their target; nothing when they are. */
async function findUnsettled(store: TestStore): Promise<readonly string[]> {
  const rows = await store.sql<{ what: string }>(
    `select format('%s of %s run, limited until %s, %s', seen.running, seen.wanted,
         k.trial_at - standby_now(), seen.status) as what
     from pools l
     join templates t on t.id = l.template_id
     join presets p on p.version_id = t.active_version_id and p.pool_id = l.id
     left join pool_brakes k on k.pool_id = l.id
     cross join lateral (
       select coalesce(l.size_override, p.desired_instances) as wanted, p.status, (
         select count(*) from pool_members m
         where m.preset_id = p.id and m.running_since is not null and m.broken is null) as running
     ) as seen
     where seen.wanted <> seen.running
     union all
     select format('a build is %s for %s', j.status, standby_now() - j.created_at)
     from jobs j
     where j.status in ('pending', 'running', 'canceling') and j.type = 'workspace_build'
     union all
     select format('a delete is %s', coalesce(j.status, 'without a job'))
     from pool_members m left join jobs j on j.id = m.job_id
     where m.transition = 'delete'
     union all
     select format('somebody waits, with %s left', q.deadline_at - standby_now())
     from waiters q
     where q.ended_at is null`,
  );
  return rows.map(({ what }) => what);
}
