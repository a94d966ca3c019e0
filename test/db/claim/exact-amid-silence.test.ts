// As exact-amid-changes.test.ts, of prebuilds whose agents have to answer each claim before anybody is told of it: some
// of them do not, so that another one is taken amid the same changes.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { WorkspaceId } from '../../../src/base/id.ts';
import { openClaimingCrowd, type ClaimingCrowd } from '../../support/claiming-crowd.ts';
import { ANSWERED, openCrowdAgents, type CrowdAgents } from '../../support/crowd-agents.ts';
import {
  createReigns,
  crowdAmid,
  falselyRefused,
  now,
  type Claim,
} from '../../support/crowd-amid.ts';
import { accountFor, type Fates } from '../../support/crowd-fates.ts';
import { createCrowdPools, type CrowdPools } from '../../support/crowd-pool.ts';
import type { TestPool } from '../../support/factory.ts';
import { makeNextVersion, promote } from '../../support/next-version.ts';

const CLAIMERS = Number(process.env['STANDBY_CROWD_CLAIMERS'] ?? '200');
const FIRST = CLAIMERS / 4;
const READY = CLAIMERS / 2;
const SIZES = { claimers: CLAIMERS, first: FIRST };

// Each silence is waited for.
vi.setConfig({ testTimeout: 60_000 });

let people: ClaimingCrowd;
let pools: CrowdPools;
let agents: CrowdAgents;

beforeAll(async () => {
  people = await openClaimingCrowd(CLAIMERS);
  pools = createCrowdPools(people);
  agents = await openCrowdAgents(people);
});
afterAll(async () => {
  await agents[Symbol.asyncDispose]();
  await people[Symbol.asyncDispose]();
});

async function poolOf(claim: 'apply' | 'instant'): Promise<{
  readonly pool: TestPool;
  readonly first: readonly WorkspaceId[];
}> {
  const pool = await pools.poolOf(READY, { claim, ...ANSWERED });
  const first = await pools.membersOf(pool, false);
  await agents.start(pool);
  expect(await pools.membersOf(pool)).toEqual(first);
  return { pool, first };
}

/** What the pool asks for is made, and what it does not is deleted. */
async function renew(pool: TestPool): Promise<void> {
  await pools.passes(pool);
  await pools.builder.buildAll();
  await agents.start(pool);
}

/** Some were silent for their claimers. Nobody was given one of these that could be told of its claim in time. */
async function expectSilence({ poolId }: TestPool, { given, voided }: Fates): Promise<void> {
  const rows = await people.store.sql<{ id: WorkspaceId }>(
    `select workspace_id as id from pool_events
     where pool_id = $1 and kind = 'claimed' and details->>'proof' = 'unheard'`,
    [poolId],
  );
  const unheard = rows.map(({ id }) => id);
  const isSilent = (id: WorkspaceId): boolean => agents.silent.has(id);
  expect(given.filter((id) => isSilent(id) && !unheard.includes(id))).toEqual([]);
  expect([...voided, ...unheard].filter(isSilent).length).toBeGreaterThan(0);
}

/** Who got three that do not answer, one after the other, is given no fourth. */
function expectRefused(
  claims: readonly Claim[],
  { voided }: Fates,
  thereAllAlong: (refused: Claim) => readonly WorkspaceId[],
): void {
  const refused = falselyRefused(claims, (one) =>
    thereAllAlong(one).filter((id) => !agents.silent.has(id) && !voided.includes(id)),
  );
  expect(refused.length).toBeLessThanOrEqual(voided.length / 3);
}

describe.each(['instant', 'apply'] as const)('a crowd of (%s) claims with agents', (claim) => {
  it('while its pool is made smaller and paused gets what lives', async () => {
    const { pool, first } = await poolOf(claim);
    const { claims, kept } = await crowdAmid(people, { pool, ...SIZES }, async (number) => {
      const instances = Math.floor((READY - FIRST) / 2 ** number);
      const size = { instances, overridesSchedules: false };
      await pools.change(pool, { size, paused: number % 2 === 0 });
      await pools.passes(pool);
    });
    const size = { instances: 0, overridesSchedules: false };
    await pools.change(pool, { size, paused: false });
    await pools.passes(pool);
    const fates = await accountFor(people.store, pool, claims);
    expect(fates.left).toEqual([]);
    await expectSilence(pool, fates);
    expectRefused(claims, fates, (refused) => kept(first, refused));
  });

  it('while versions are promoted gets what lives of the active one', async () => {
    const { pool, first } = await poolOf(claim);
    await makeNextVersion(people, pool, { desired: READY / 4 });
    const reigns = createReigns();
    const { claims, kept } = await crowdAmid(people, { pool, ...SIZES }, async (number) => {
      if (number % 2 === 0) {
        await renew(pool);
        return;
      }
      const version = number % 4 === 1 ? 'v2' : 'v1';
      await reigns.begin(version, () => promote(people.store, pool, version));
    });
    const fates = await accountFor(people.store, pool, claims);
    await expectSilence(pool, fates);
    expectRefused(claims, fates, (refused) =>
      reigns.lasts('v1', refused) ? kept(first, refused) : [],
    );
    for (const { version, ...when } of claims) {
      if (version !== undefined) expect(reigns.couldBe(version, when)).toBe(true);
    }
    expect(new Set(claims.flatMap(({ version }) => version ?? []))).toContain('v1');
  });

  it('while prebuilds expire and are replaced gets none that was too old when it was taken', async () => {
    const { pool } = await poolOf(claim);
    const ages = await pools.age(pool, { most: 10, turns: [6.5, 9.5, 9.5, 9.5] });
    const advancedAt: number[] = [];
    const { claims, kept } = await crowdAmid(people, { pool, ...SIZES }, async (number) => {
      if (number % 2 === 0) {
        await renew(pool);
      } else if (number < 8) {
        advancedAt.push(now());
        await people.store.advanceClock(3_600_000);
      }
    });
    const fates = await accountFor(people.store, pool, claims);
    await expectSilence(pool, fates);
    expectRefused(claims, fates, (refused) => {
      const hours = advancedAt.filter((at) => at < refused.answeredAt).length;
      const fresh = [...ages.of].filter(([, age]) => age + hours < ages.most).map(([id]) => id);
      return kept(fresh, refused);
    });
    expect(await pools.takenTooOld(ages)).toEqual([]);
    const { deleted, voided } = fates;
    const expired = deleted.filter((id) => !voided.includes(id));
    expect(expired.length).toBeGreaterThan(0);
    expect(expired.every((id) => ages.of.has(id))).toBe(true);
  });
});
