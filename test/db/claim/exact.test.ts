// A thousand who claim at once over HTTP from two control planes, of a pool that has a tenth of what they want: as
// many are served as there are prebuilds, each with another one, and the rest is told what they asked to be told.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Fetch } from '../../../src/client/client.ts';
import {
  openClaimingCrowd,
  type Answer,
  type ClaimingCrowd,
} from '../../support/claiming-crowd.ts';
import { bodyOfCreated } from '../../support/created.ts';
import type { TestPool } from '../../support/factory.ts';
import { makeReady } from '../../support/ready-prebuild.ts';

const READY = 100;
const CLAIMERS = 1_000;

let people: ClaimingCrowd;

beforeAll(async () => {
  people = await openClaimingCrowd(CLAIMERS);
});
afterAll(() => people[Symbol.asyncDispose]());

async function poolOf(count: number): Promise<TestPool> {
  const { store, make, organizationId } = people;
  const template = await make.template({ organizationId, manifest: { claim: 'instant' } });
  const pool = await make.pool(template, { desired: count });
  await makeReady(store, make, { pool, count });
  return pool;
}

/** Asks again, as every client does, where a busy machine let nobody come to a connection in time. */
async function claimInTurn(n: number, pool: TestPool, onEmpty: 'fail' | 'wait'): Promise<Answer> {
  const name = `${onEmpty}-${n}`;
  for (;;) {
    const answer = await people.claim(n, pool, { name, key: name, onEmpty });
    if (answer.otherwise !== 'DATABASE_UNAVAILABLE') return answer;
  }
}

/** The workspaces that were given, and how often each other answer was. */
async function crowd(
  pool: TestPool,
  onEmpty: 'fail' | 'wait',
): Promise<{ readonly given: readonly string[]; readonly others: Record<string, number> }> {
  const given: string[] = [];
  const others: Record<string, number> = {};
  await Promise.all(
    Array.from({ length: CLAIMERS }, async (_, n) => {
      const { workspaceId, otherwise } = await claimInTurn(n, pool, onEmpty);
      if (workspaceId !== undefined) given.push(workspaceId);
      if (otherwise !== undefined) others[otherwise] = (others[otherwise] ?? 0) + 1;
    }),
  );
  return { given, others };
}

describe('a thousand claimers on two control planes', () => {
  it.each([
    ['fail', 'POOL_EMPTY'],
    ['wait', 'in line'],
  ] as const)('are served exactly, and the others %s', async (onEmpty, other) => {
    const pool = await poolOf(READY);
    const { given, others } = await crowd(pool, onEmpty);
    expect(others).toEqual({ [other]: CLAIMERS - READY });
    expect(new Set(given).size).toBe(READY);
    const counted = await people.store.sql(
      `select count(*) filter (where outcome = 'hit')::integer as hits,
         count(*) filter (where outcome = 'miss')::integer as misses,
         (select count(*)::integer from waiters where pool_id = $1 and ended_at is null) as waiters
       from claims where pool_id = $1`,
      [pool.poolId],
    );
    const [misses, waiters] = onEmpty === 'fail' ? [CLAIMERS - READY, 0] : [0, CLAIMERS - READY];
    expect(counted).toEqual([{ hits: READY, misses, waiters }]);
  });
});

describe('one key from sixteen clients on two control planes', () => {
  it('gives all of them one workspace, also those whose answer was lost', async () => {
    const pool = await poolOf(16);
    const losing = (): Fetch => {
      let lost = 0;
      return async (url, init) => {
        const response = await fetch(url, init);
        if (lost++ > 0) return response;
        await response.arrayBuffer();
        throw new TypeError('the answer was lost');
      };
    };
    const wish = { name: 'one', key: 'one', onEmpty: 'fail' } as const;
    const ids = await Promise.all(
      Array.from({ length: 16 }, async (_, n) => {
        // All of one person: a key is theirs alone.
        const token = people.tokens[0];
        const client = people.clientOf(n, n % 4 < 2 ? { token, fetch: losing() } : { token });
        const answer = people.ask(client, pool, wish);
        const again = answer.catch(() => people.ask(client, pool, wish));
        return bodyOfCreated(await again).workspace.id;
      }),
    );
    expect(new Set(ids).size).toBe(1);
    const left = await people.store.sql('select from pool_members where pool_id = $1', [
      pool.poolId,
    ]);
    expect(left).toHaveLength(15);
  });
});
