// A crowd that claims over HTTP from two control planes, while at the same moment operators resize, promote and
// pause, prebuilds expire, and both control planes look after the pool: every prebuild has one fate, everybody one
// answer, nobody gets what was gone before they asked, and nobody is refused what was there all along.
//
// STANDBY_CROWD_CLAIMERS=1000 has a thousand ask.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WorkspaceId } from '../../../src/base/id.ts';
import type { Manifest } from '../../../src/contract/manifest/schema.ts';
import { changePool, type PoolChange } from '../../../src/pools/change-pool.ts';
import type { Database } from '../../../src/store/database.ts';
import { createNoticeBus, type NoticeBus } from '../../../src/store/notice-bus.ts';
import { findTemplate } from '../../../src/store/template.ts';
import { promoteVersion } from '../../../src/templates/promote-version.ts';
import { createBuilder, type Builder } from '../../support/builder.ts';
import {
  openClaimingCrowd,
  type Answer,
  type ClaimingCrowd,
} from '../../support/claiming-crowd.ts';
import { accountFor } from '../../support/crowd-fates.ts';
import { createDeferred } from '../../support/deferred.ts';
import type { TestPool } from '../../support/factory.ts';
import { startLivingAgent, type LivingAgent } from '../../support/living-agent.ts';
import { OPERATOR } from '../../support/plays.ts';
import { createQueue } from '../../support/queue.ts';
import { reconcileNow } from '../../support/reconcile.ts';

const CLAIMERS = Number(process.env['STANDBY_CROWD_CLAIMERS'] ?? '200');
/** Who ask at one moment: fewer than there are prebuilds, whatever happens to these. */
const FIRST = CLAIMERS / 4;
const READY = CLAIMERS / 2;
const HOUR_MS = 3_600_000;
const MAIN = {
  ...{ name: 'main', startup: null, on_claim: null },
  ...{ startup_timeout_seconds: 60, on_claim_timeout_seconds: 60 },
};

let people: ClaimingCrowd;
let builder: Builder;
/** What each of the control planes looks after pools with. */
let databases: readonly Database[];

beforeAll(async () => {
  people = await openClaimingCrowd(CLAIMERS);
  builder = createBuilder(people.store);
  databases = [people.store.database, people.store.open()];
});
afterAll(() => people[Symbol.asyncDispose]());

type ClaimWay = 'apply' | 'instant';

/** Full, by its own passes. */
async function poolOf(
  desired: number,
  claim: ClaimWay = 'instant',
  agents: Manifest['agents'] = [],
): Promise<TestPool> {
  const { make, organizationId } = people;
  const template = await make.template({ organizationId, manifest: { claim, agents } });
  const pool = await make.pool(template, { desired });
  await passes(pool);
  // What other pools have left waits before it.
  while ((await builder.buildAll()) > 0) await passes(pool);
  expect(await membersOf(pool, agents.length === 0)).toHaveLength(desired);
  return pool;
}

/** A turn of both control planes at once. */
async function passes({ poolId }: TestPool): Promise<void> {
  const { kit, keyring } = people.store;
  // All pools of the organization share it, and each has to be filled at once.
  const options = { maxCreationsInFlight: 100 * CLAIMERS };
  const outcomes = await Promise.all(
    databases.map((database) => reconcileNow({ kit, database, keyring }, poolId, options)),
  );
  expect(outcomes.flatMap((one) => (one.kind === 'reconciled' ? one.errors : []))).toEqual([]);
}

async function change(pool: TestPool, given: Partial<PoolChange>): Promise<void> {
  const { kit, database } = people.store;
  const { poolId } = pool;
  const asked = { poolId, by: OPERATOR, paused: undefined, size: undefined, ...given };
  await database.transaction((tx) => changePool(kit, tx, asked));
}

/** Those that were not given away and are not being deleted; with `ready` false also such as nobody heard of. */
async function membersOf({ poolId }: TestPool, ready = true): Promise<readonly WorkspaceId[]> {
  const rows = await people.store.sql<{ id: WorkspaceId }>(
    `select workspace_id as id from pool_members
     where pool_id = $1 and transition = 'start' and (ready or not $2) order by workspace_id`,
    [poolId, ready],
  );
  return rows.map(({ id }) => id);
}

async function deletedOf({ poolId }: TestPool): Promise<readonly WorkspaceId[]> {
  const rows = await people.store.sql<{ id: WorkspaceId }>(
    `select w.id from workspaces w join builds b on b.workspace_id = w.id
     where w.pool_id = $1 and b.transition = 'delete'`,
    [poolId],
  );
  return rows.map(({ id }) => id);
}

/** What comes before what: each happening in this process has a number. */
let happenings = 0;
const now = (): number => (happenings += 1);

interface Claim extends Answer {
  readonly askedAt: number;
  readonly answeredAt: number;
}

interface Crowd {
  readonly claims: readonly Claim[];
  /** Of those prebuilds, the ones that no round can have begun to delete before the answer. */
  readonly kept: (ids: readonly WorkspaceId[], until: Claim) => readonly WorkspaceId[];
}

/**
 * Some ask at first. With the first answer the rounds begin, and go on until everybody is answered. Once the first
 * round is over the others ask, each in the place of one who was answered.
 */
async function crowdAmid(pool: TestPool, round: (number: number) => Promise<void>): Promise<Crowd> {
  const gone: { readonly from: number; readonly ids: ReadonlySet<WorkspaceId> }[] = [];
  const answered = createDeferred<undefined>();
  const begun = createDeferred<undefined>();
  const over = new AbortController();
  const rounds = async (): Promise<void> => {
    await answered.promise;
    for (let number = 1; number === 1 || !over.signal.aborted; number++) {
      const from = now();
      await round(number);
      gone.push({ from, ids: new Set(await deletedOf(pool)) });
      begun.resolve(undefined);
    }
  };
  const claim = async (n: number, former: Promise<unknown>): Promise<Claim> => {
    await former;
    const askedAt = now();
    const answer = await people.claim(n, pool, { name: `${pool.name}-${n}`, onEmpty: 'fail' });
    answered.resolve(undefined);
    return { ...answer, askedAt, answeredAt: now() };
  };
  const asking: Promise<Claim>[] = [];
  for (let n = 0; n < CLAIMERS; n++) {
    const former = Promise.all([asking[n - FIRST], n < FIRST ? undefined : begun.promise]);
    asking.push(claim(n, former));
  }
  const claiming = Promise.all(asking).finally(() => over.abort());
  const [claims] = await Promise.all([claiming, rounds()]);
  return {
    claims,
    kept: (ids, { answeredAt }) => {
      const last = gone.findLast(({ from }) => from < answeredAt);
      return ids.filter((id) => last?.ids.has(id) !== true);
    },
  };
}

/**
 * Those who were told that there was nothing, while something was there from their question to their answer that
 * nobody got who had asked before that answer.
 */
function falselyRefused(
  claims: readonly Claim[],
  thereAllAlong: (refused: Claim) => readonly WorkspaceId[],
): readonly Claim[] {
  const askedAt = new Map(claims.map((one) => [one.workspaceId, one.askedAt]));
  return claims.filter(
    (one) =>
      one.otherwise !== undefined &&
      thereAllAlong(one).some((id) => !((askedAt.get(id) ?? Infinity) < one.answeredAt)),
  );
}

describe.each<ClaimWay>(['instant', 'apply'])('a crowd that claims (%s)', (claim) => {
  it('while its pool is made smaller and smaller gets what is not deleted', async () => {
    const pool = await poolOf(READY, claim);
    const first = await membersOf(pool);
    const { claims, kept } = await crowdAmid(pool, async (number) => {
      const instances = Math.floor((READY - FIRST) / 2 ** number);
      await change(pool, { size: { instances, overridesSchedules: false } });
      await passes(pool);
    });
    await change(pool, { size: { instances: 0, overridesSchedules: false } });
    await passes(pool);
    const { given, deleted, left } = await accountFor(people.store, pool, claims);
    expect(falselyRefused(claims, (refused) => kept(first, refused))).toEqual([]);
    expect(left).toEqual([]);
    expect(given.every((id) => first.includes(id))).toBe(true);
    expect(deleted.filter((id) => first.includes(id))).toHaveLength(READY - given.length);
    // The first round alone deletes half of what the first ones leave.
    expect(READY - given.length).toBeGreaterThanOrEqual((READY - FIRST) / 2);
  });

  it('while versions are promoted gets what is of the active one', async () => {
    const pool = await poolOf(READY, claim);
    const first = await membersOf(pool);
    const other = await anotherVersion(pool, READY / 4);
    const reigns = createReigns();
    const { claims, kept } = await crowdAmid(pool, async (number) => {
      // Between the rounds people ask for what the former version has left.
      if (number % 2 === 0) {
        await passes(pool);
        await builder.buildAll();
        return;
      }
      const version = number % 4 === 1 ? other : 'v1';
      await reigns.begin(version, () => promote(pool, version));
    });
    await accountFor(people.store, pool, claims);
    const thereAllAlong = (refused: Claim): readonly WorkspaceId[] =>
      reigns.lasts('v1', refused) ? kept(first, refused) : [];
    expect(falselyRefused(claims, thereAllAlong)).toEqual([]);
    for (const { version, ...when } of claims) {
      if (version !== undefined) expect(reigns.couldBe(version, when)).toBe(true);
    }
    expect(new Set(claims.flatMap(({ version }) => version ?? []))).toContain('v1');
  });
});

describe('a crowd that claims', () => {
  it('while prebuilds expire and are replaced gets none that was too old', async () => {
    const pool = await poolOf(READY);
    const { store } = people;
    await store.sql('update presets set ttl_seconds = 36000 where id = $1', [pool.presetId]);
    // More than the first ones take are soon too old, and would be the next that are given.
    const bornAt = new Map<WorkspaceId, number>();
    for (const [n, id] of (await membersOf(pool)).entries())
      bornAt.set(id, n % 4 === 0 ? 6.5 : 9.5);
    await store.sql(
      `update pool_members m set born_at = m.born_at - given.hours * interval '1 hour'
       from unnest($1::uuid[], $2::float8[]) as given (id, hours)
       where m.workspace_id = given.id`,
      [[...bornAt.keys()], [...bornAt.values()]],
    );
    await store.advanceClock(0);
    const advancedAt: number[] = [];
    const { claims, kept } = await crowdAmid(pool, async (number) => {
      // Between the rounds people ask while those are there that have just become too old.
      if (number % 2 === 0) {
        await passes(pool);
        await builder.buildAll();
      } else if (number < 8) {
        advancedAt.push(now());
        await store.advanceClock(HOUR_MS);
      }
    });
    const { given, deleted } = await accountFor(store, pool, claims);
    const thereAllAlong = (refused: Claim): readonly WorkspaceId[] => {
      const hours = advancedAt.filter((at) => at < refused.answeredAt).length;
      const fresh = [...bornAt].filter(([, age]) => age + hours < 10).map(([id]) => id);
      return kept(fresh, refused);
    };
    expect(falselyRefused(claims, thereAllAlong)).toEqual([]);
    const tooOld = await store.sql(
      `select c.workspace_id
       from claims c
       join builds b on b.workspace_id = c.workspace_id and b.number = 1
       join jobs j on j.id = b.job_id
       join unnest($2::uuid[], $3::float8[]) as given (id, hours) on given.id = c.workspace_id
       where c.pool_id = $1 and c.outcome = 'hit'
         and c.at > j.acquired_at + (10 - given.hours) * interval '1 hour'`,
      [pool.poolId, [...bornAt.keys()], [...bornAt.values()]],
    );
    expect(tooOld).toEqual([]);
    expect(given.length).toBeGreaterThan(0);
    expect(deleted.every((id) => bornAt.has(id))).toBe(true);
    expect(deleted.length).toBeGreaterThan(0);
  });

  it('while its pool is paused and resumed gets all there is, and pauses are kept', async () => {
    const pool = await poolOf(READY);
    const first = await membersOf(pool);
    const { claims } = await crowdAmid(pool, async (number) => {
      // The others begin to ask in the first pause, which goes on for a round.
      await change(pool, { paused: number % 4 === 1 || number % 4 === 2 });
      await passes(pool);
    });
    await change(pool, { paused: false });
    await passes(pool);
    const { given, deleted, left } = await accountFor(people.store, pool, claims);
    expect(falselyRefused(claims, () => first)).toEqual([]);
    expect([given.length, deleted.length, left.length]).toEqual([READY, 0, READY]);
    expect(await people.store.sql(BUILT_IN_A_PAUSE, [pool.poolId])).toEqual([]);
  });
});

describe('a crowd whose claims agents have to answer', () => {
  let bus: NoticeBus;
  let agents: readonly LivingAgent[] = [];
  beforeAll(async () => {
    bus = createNoticeBus({ ...people.store.kit, database: people.store.open() });
    await bus.start();
  });
  afterAll(async () => {
    for (const agent of agents) await agent[Symbol.asyncDispose]();
    await bus.stop('the test is over', 10_000);
  });

  it('while its pool is made smaller and paused gets what lives', { timeout: 60_000 }, async () => {
    const pool = await poolOf(READY, 'instant', [MAIN]);
    const { deps } = createQueue(people.store, people.make, { bus });
    const ids = await membersOf(pool, false);
    const start = (workspaceId: WorkspaceId) =>
      startLivingAgent(deps, { workspaceId, name: MAIN.name });
    agents = await Promise.all(ids.map(start));
    await expect.poll(() => membersOf(pool)).toEqual(ids);
    const silent = ids.filter((_, n) => n % 10 === 5);
    for (const id of silent) agents[ids.indexOf(id)]?.freeze();
    const { claims, kept } = await crowdAmid(pool, async (number) => {
      const instances = Math.floor((READY - FIRST) / 2 ** number);
      const size = { instances, overridesSchedules: false };
      await change(pool, { size, paused: number % 2 === 0 });
      await passes(pool);
    });
    await change(pool, { size: { instances: 0, overridesSchedules: false }, paused: false });
    await passes(pool);
    const { given, left, voided } = await accountFor(people.store, pool, claims);
    expect(left).toEqual([]);
    expect(given.filter((id) => silent.includes(id))).toEqual([]);
    expect(voided.filter((id) => silent.includes(id)).length).toBeGreaterThan(0);
    const refused = falselyRefused(claims, (one) =>
      kept(ids, one).filter((id) => !silent.includes(id) && !voided.includes(id)),
    );
    // Who got three that do not answer, one after the other, is given no fourth.
    expect(refused.length).toBeLessThanOrEqual(voided.length / 3);
  });
});

/** Each pause is answered, and each end of one asked for, under the lock that passes take, too. */
const BUILT_IN_A_PAUSE = `
  select b.id
  from pool_events p
  join workspaces w on w.pool_id = p.pool_id
  join builds b on b.workspace_id = w.id and b.created_at > p.at
  where p.pool_id = $1 and p.kind = 'paused'
    and b.created_at < (
      select min(r.at) from pool_events r
      where r.pool_id = p.pool_id and r.kind = 'resumed' and r.at >= p.at)`;

async function anotherVersion(pool: TestPool, desired: number): Promise<string> {
  const { make, store } = people;
  const { versionId, jobId } = await make.version(pool);
  await store.sql('update jobs set completed_at = standby_now(), succeeded = true where id = $1', [
    jobId,
  ]);
  await make.pool({ ...pool, versionId }, { name: pool.presetName, desired });
  return 'v2';
}

async function promote({ organizationId, name }: TestPool, version: string): Promise<void> {
  const { kit, database } = people.store;
  const template = await findTemplate(database, organizationId, name);
  if (template === undefined) throw new Error(`there is no template ${name}`);
  const asked = { template, version, by: OPERATOR, options: { maxInFlight: null } };
  await database.transaction((tx) => promoteVersion(kit, tx, asked));
}

interface Reigns {
  begin(version: string, promoting: () => Promise<void>): Promise<void>;
  /** Whether it was the active one at some moment between a question and its answer. */
  couldBe(version: string, when: Pick<Claim, 'askedAt' | 'answeredAt'>): boolean;
  /** Whether it was at every one. */
  lasts(version: string, when: Pick<Claim, 'askedAt' | 'answeredAt'>): boolean;
}

/** When which version may have been the active one. */
function createReigns(): Reigns {
  const reigns: { version: string; from: number; surely: number; to: number }[] = [
    { version: 'v1', from: 0, surely: 0, to: Infinity },
  ];
  return {
    begin: async (version, promoting) => {
      const former = reigns.at(-1);
      const reign = { version, from: now(), surely: Infinity, to: Infinity };
      reigns.push(reign);
      await promoting();
      reign.surely = now();
      if (former !== undefined) former.to = reign.surely;
    },
    lasts: (version, { askedAt, answeredAt }) =>
      reigns.some(
        (reign, n) =>
          reign.version === version &&
          reign.surely < askedAt &&
          answeredAt < (reigns[n + 1]?.from ?? Infinity),
      ),
    couldBe: (version, { askedAt, answeredAt }) =>
      reigns.some(
        (reign) => reign.version === version && reign.from < answeredAt && askedAt < reign.to,
      ),
  };
}
