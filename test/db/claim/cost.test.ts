// What a claim asks of the database, from the request to the answer: at most six statements beside
// `begin` and `commit`. Counts do not depend on the machine, so they are held here; bench/claim.ts
// measures how long it takes.
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createId, type OrganizationId, type TokenId, type UserId } from '../../../src/base/id.ts';
import { createToken } from '../../../src/base/token.ts';
import { openKeyring } from '../../../src/keys/keyring.ts';
import { takePrebuild } from '../../../src/store/claim.ts';
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

const claim = (pool: TestPool): ReturnType<CountedClaims['claim']> =>
  claims.claim({
    ...{ token, organization: 'cost', template: pool.name },
    ...{ name: pool.name, idempotencyKey: pool.name },
  });

describe('the cost of a claim', () => {
  it('of an instant template is four statements and no transaction around them', async () => {
    const pool = await poolOf('instant');
    await makeReady(store, make, { pool, count: 1 });
    const { claimed, statements, transactions } = await claim(pool);
    expect(claimed).toBe(true);
    expect(statements).toEqual([
      'token.find_holder',
      'claim.resolve_request',
      'claim.take_oldest',
      'workspace.find',
    ]);
    expect(transactions).toBe(0);
  });

  it('of another template is one more, in one transaction with the taking', async () => {
    const pool = await poolOf('apply');
    await makeReady(store, make, { pool, count: 1 });
    const { claimed, statements, transactions } = await claim(pool);
    expect(claimed).toBe(true);
    expect(statements).toEqual([
      'token.find_holder',
      'claim.resolve_request',
      'claim.take_oldest',
      'build.insert',
      'workspace.find',
    ]);
    expect(transactions).toBe(1);
  });
});

describe('taking one of many', () => {
  const MANY = 400;
  let pool: TestPool;

  beforeAll(async () => {
    pool = await poolOf('instant');
    await makeReady(store, make, { pool, count: MANY });
  }, 120_000);

  /** As a connection runs it that has prepared it: with a plan for any arguments. */
  const explainTake = async (): Promise<Buffers> => {
    const { text, parameters } = takePrebuild.oldest;
    const args: Readonly<Record<string, string>> = {
      ...{ presetId: pool.presetId, userId, name: 'explained', resolveMs: '1' },
      ...{ claimId: createId(store.kit), eventId: createId(store.kit) },
      ...{ idempotencyKey: 'explained', bodyHash: '\\x00' },
    };
    const given = parameters.map((name) => pg.escapeLiteral(args[name] ?? ''));
    await store.sql('begin');
    await store.sql('set local plan_cache_mode = force_generic_plan');
    await store.sql(`prepare take as ${text}`);
    const [row] = await store.sql<{ 'QUERY PLAN': readonly [{ readonly Plan: Buffers }] }>(
      `explain (analyze, buffers, format json) execute take (${given.join(', ')})`,
    );
    await store.sql('deallocate take');
    await store.sql('rollback');
    return row!['QUERY PLAN'][0].Plan;
  };

  it.each([
    ['without statistics', 'select 1'],
    ['with statistics of the members alone', 'analyze pool_members'],
    ['with statistics of everything', 'analyze'],
  ])('reads no more than the first that fits, %s', async (_what, prepare) => {
    await store.sql(prepare);
    const plan = await explainTake();
    const read = plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
    expect(read).toBeGreaterThan(10);
    expect(read).toBeLessThan(MANY / 4);
  });
});

interface Buffers {
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
}
