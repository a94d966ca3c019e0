// A crowd that claims over HTTP from two control planes, while at the same moment operators resize, promote and
// pause, prebuilds expire, and both control planes look after the pool: every prebuild has one fate, everybody one
// answer, nobody gets what was gone before they asked, and nobody is refused what was there all along.
//
// STANDBY_CROWD_CLAIMERS=1000 has a thousand ask.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WorkspaceId } from '../../../src/base/id.ts';
import { openClaimingCrowd, type ClaimingCrowd } from '../../support/claiming-crowd.ts';
import {
  createReigns,
  crowdAmid,
  falselyRefused,
  now,
  type Claim,
} from '../../support/crowd-amid.ts';
import { accountFor } from '../../support/crowd-fates.ts';
import { createCrowdPools, type CrowdPools } from '../../support/crowd-pool.ts';
import { makeNextVersion, promote } from '../../support/next-version.ts';

const CLAIMERS = Number(process.env['STANDBY_CROWD_CLAIMERS'] ?? '200');
/** Who ask at one moment: fewer than there are prebuilds, whatever happens to these. */
const FIRST = CLAIMERS / 4;
const READY = CLAIMERS / 2;
const HOUR_MS = 3_600_000;
const SIZES = { claimers: CLAIMERS, first: FIRST };

let people: ClaimingCrowd;
let pools: CrowdPools;

beforeAll(async () => {
  people = await openClaimingCrowd(CLAIMERS);
  pools = createCrowdPools(people);
});
afterAll(() => people[Symbol.asyncDispose]());

describe.each(['instant', 'apply'] as const)('a crowd that claims (%s)', (claim) => {
  it('while its pool is made smaller and smaller gets what is not deleted', async () => {
    const pool = await pools.poolOf(READY, { claim });
    const first = await pools.membersOf(pool);
    const { claims, kept } = await crowdAmid(people, { pool, ...SIZES }, async (number) => {
      const instances = Math.floor((READY - FIRST) / 2 ** number);
      await pools.change(pool, { size: { instances, overridesSchedules: false } });
      await pools.passes(pool);
    });
    await pools.change(pool, { size: { instances: 0, overridesSchedules: false } });
    await pools.passes(pool);
    const { given, deleted, left } = await accountFor(people.store, pool, claims);
    expect(falselyRefused(claims, (refused) => kept(first, refused))).toEqual([]);
    expect(left).toEqual([]);
    expect(given.every((id) => first.includes(id))).toBe(true);
    expect(deleted.filter((id) => first.includes(id))).toHaveLength(READY - given.length);
    // The first round alone deletes half of what the first ones leave.
    expect(READY - given.length).toBeGreaterThanOrEqual((READY - FIRST) / 2);
  });

  it('while versions are promoted gets what is of the active one', async () => {
    const pool = await pools.poolOf(READY, { claim });
    const first = await pools.membersOf(pool);
    await makeNextVersion(people, pool, { desired: READY / 4 });
    const reigns = createReigns();
    const { claims, kept } = await crowdAmid(people, { pool, ...SIZES }, async (number) => {
      // Between the rounds people ask for what the former version has left.
      if (number % 2 === 0) {
        await pools.passes(pool);
        await pools.builder.buildAll();
        return;
      }
      const version = number % 4 === 1 ? 'v2' : 'v1';
      await reigns.begin(version, () => promote(people.store, pool, version));
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
    const pool = await pools.poolOf(READY);
    // More than the first ones take are soon too old, and would be the next that are given.
    const ages = await pools.age(pool, { most: 10, turns: [6.5, 9.5, 9.5, 9.5] });
    const advancedAt: number[] = [];
    const { claims, kept } = await crowdAmid(people, { pool, ...SIZES }, async (number) => {
      // Between the rounds people ask while those are there that have just become too old.
      if (number % 2 === 0) {
        await pools.passes(pool);
        await pools.builder.buildAll();
      } else if (number < 8) {
        advancedAt.push(now());
        await people.store.advanceClock(HOUR_MS);
      }
    });
    const { given, deleted } = await accountFor(people.store, pool, claims);
    const thereAllAlong = (refused: Claim): readonly WorkspaceId[] => {
      const hours = advancedAt.filter((at) => at < refused.answeredAt).length;
      const fresh = [...ages.of].filter(([, age]) => age + hours < ages.most).map(([id]) => id);
      return kept(fresh, refused);
    };
    expect(falselyRefused(claims, thereAllAlong)).toEqual([]);
    expect(await pools.takenTooOld(ages)).toEqual([]);
    expect(given.length).toBeGreaterThan(0);
    expect(deleted.every((id) => ages.of.has(id))).toBe(true);
    expect(deleted.length).toBeGreaterThan(0);
  });

  it('while its pool is paused and resumed gets all there is, and pauses are kept', async () => {
    const pool = await pools.poolOf(READY);
    const first = await pools.membersOf(pool);
    const { claims } = await crowdAmid(people, { pool, ...SIZES }, async (number) => {
      // The others begin to ask in the first pause, which goes on for a round.
      await pools.change(pool, { paused: number % 4 === 1 || number % 4 === 2 });
      await pools.passes(pool);
    });
    await pools.change(pool, { paused: false });
    await pools.passes(pool);
    const { given, deleted, left } = await accountFor(people.store, pool, claims);
    expect(falselyRefused(claims, () => first)).toEqual([]);
    expect([given.length, deleted.length, left.length]).toEqual([READY, 0, READY]);
    expect(await people.store.sql(BUILT_IN_A_PAUSE, [pool.poolId])).toEqual([]);
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
