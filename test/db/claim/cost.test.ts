// What a claim asks of the database, from the request to the answer. Counts do not depend on the machine,
// so they are held here; bench/claim.ts measures how long it takes.
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createId, type OrganizationId, type TokenId, type UserId } from '../../../src/base/id.ts';
import { createToken } from '../../../src/base/token.ts';
import { openKeyring } from '../../../src/keys/keyring.ts';
import { takeStatements } from '../../../src/store/claim-take.ts';
import { insertToken } from '../../../src/store/token.ts';
import { createCountedClaims, type CountedClaims } from '../../support/counted-claims.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { openTestStore, TEST_SECRET_KEY, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let organizationId: OrganizationId;
let claims: CountedClaims;
let userId: UserId;
let token: string;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  organizationId = await make.organization('cost');
  userId = await make.user({ organizationId });
  const { secret, hash } = createToken(store.kit.rng, 'sbt');
  const id = createId<TokenId>(store.kit);
  await insertToken(store.database, { id, userId, name: 'test', hash, lifetimeSeconds: null });
  // Otherwise the first request would note it.
  await store.sql('update tokens set last_used_at = standby_now() where id = $1', [id]);
  token = secret;
  const { kit, database } = store;
  const keyring = await openKeyring({ ...kit, database, secretKey: TEST_SECRET_KEY });
  claims = createCountedClaims(kit, { database, keyring });
});
afterAll(() => store.close());

const poolOf = async (claim: 'instant' | 'apply'): Promise<TestPool> =>
  make.pool(await make.template({ organizationId, manifest: { claim } }));

const claim = (pool: TestPool, name = 'first'): ReturnType<CountedClaims['claim']> =>
  claims.claim({
    ...{ token, organization: 'cost', template: pool.name },
    ...{ name: `${pool.name}-${name}`, idempotencyKey: `${pool.name}-${name}` },
  });

describe('the cost of a claim', () => {
  it('of an instant template is two statements and no transaction around them', async () => {
    const pool = await poolOf('instant');
    await makeReady(store, make, { pool, count: 2 });
    expect(await claim(pool)).toMatchObject({
      claimed: true,
      transactions: 0,
      statements: [
        'token.find_holders',
        // The first one of the template alone.
        'claim.resolve_request',
        'claim.take_oldest',
      ],
    });
    expect(await claim(pool, 'second')).toMatchObject({
      claimed: true,
      transactions: 0,
      statements: ['token.find_holders', 'claim.take_oldest'],
    });
  });

  it('of another template is one more, in one transaction with the taking', async () => {
    const pool = await poolOf('apply');
    await makeReady(store, make, { pool, count: 1 });
    const { claimed, statements, transactions } = await claim(pool);
    expect(claimed).toBe(true);
    expect(statements).toEqual([
      'token.find_holders',
      'claim.resolve_request',
      'claim.take_oldest',
      'build.insert',
      'workspace.find_many',
    ]);
    expect(transactions).toBe(1);
  });
});

describe('taking one of many', () => {
  const MANY = 300;
  let pool: TestPool;

  /** Prebuilds that are ready, with an agent that was just heard of. */
  const makeLiving = async (of: TestPool, count: number): Promise<void> => {
    await makeReady(store, make, { pool: of, count });
    await store.sql(
      `insert into agents
         (id, workspace_id, name, kind, lifecycle, last_seen_at, timeout_seconds, created_at)
       select gen_random_uuid(), workspace_id, 'main', 'program', 'ready',
         standby_now() + interval '1 hour', 60, standby_now()
       from pool_members
       where pool_id = $1`,
      [of.poolId],
    );
  };

  beforeAll(async () => {
    pool = await poolOf('instant');
    await makeLiving(pool, MANY);
    // With others beside it the planner expects a handful where there are many.
    for (let n = 0; n < 25; n++) await makeLiving(await poolOf('instant'), 12);
  }, 240_000);

  /** As a connection runs it that has prepared the statement. */
  const explainTaking = async (order: 'oldest' | 'newest'): Promise<readonly Plan[]> => {
    const { text, parameters } = takeStatements[order];
    const args: Readonly<Record<string, string>> = {
      ...{
        presetIds: pool.presetId,
        userIds: userId,
        admins: 'f',
        withinQuotas: 'f',
        names: 'explained',
      },
      ...{
        claimIds: createId(store.kit),
        eventIds: createId(store.kit),
        toProve: 't',
        resolveMs: '1',
        priorities: '0',
        ...{ ttlSeconds: 'null', lifetimeSeconds: 'null', idleStopSeconds: 'null' },
        ...{ dormantAfterSeconds: 'null', deleteDormantAfterSeconds: 'null' },
      },
      ...{ idempotencyKeys: 'explained', bodyHashes: String.raw`\\x00` },
    };
    const given = parameters.map((name) => pg.escapeLiteral(`{${args[name]}}`));
    await store.sql('begin');
    await store.sql(`prepare take as ${text}`);
    const [row] = await store.sql<{ 'QUERY PLAN': readonly [{ readonly Plan: Plan }] }>(
      `explain (analyze, format json) execute take (${given.join(', ')})`,
    );
    await store.sql('deallocate take');
    await store.sql('rollback');
    return flatten(row!['QUERY PLAN'][0].Plan);
  };

  const partOf = (plans: readonly Plan[], name: string): readonly Plan[] =>
    flatten(plans.find((plan) => plan['Subplan Name'] === `CTE ${name}`)!);

  // Autovacuum keeps them. A table that was vacuumed and never analyzed may still be sorted.
  const statistics = ['analyze pool_members', 'analyze'];
  const orders = ['oldest', 'newest'] as const;
  it.each(statistics.flatMap((prepare) => orders.map((order) => [prepare, order] as const)))(
    'walks to the first that fits: after `%s`, the %s',
    async (prepare, order) => {
      await store.sql(prepare);
      const plans = await explainTaking(order);
      // What is picked is numbered, in order; the way to it ends at the rows' locks.
      const locked = partOf(plans, 'picked').find((plan) => plan['Node Type'] === 'LockRows')!;
      const nodes = flatten(locked);
      expect(nodes.map((node) => node['Node Type'])).not.toContain('Sort');
      const members = nodes.find((node) => node['Relation Name'] === 'pool_members')!;
      expect(members['Index Name']).toBe('pool_members_claim_idx');
      expect(members['Actual Rows']).toBe(1);
      // Only where somebody is being proven it matters how many there are.
      const counted = partOf(plans, 'wanted').filter(
        (plan) => plan['Relation Name'] === 'pool_members',
      );
      expect(counted.map((plan) => plan['Actual Loops'])).toEqual([0]);
    },
  );
});

interface Plan {
  readonly 'Node Type': string;
  readonly 'Subplan Name'?: string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly Plans?: readonly Plan[];
}

function flatten(plan: Plan): readonly Plan[] {
  return [plan, ...(plan.Plans ?? []).flatMap(flatten)];
}
