// A request that comes again is answered with what it was given, which is measured by one of its answers.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createId, type OrganizationId, type TokenId, type UserId } from '../../../src/base/id.ts';
import { createToken } from '../../../src/base/token.ts';
import { openKeyring } from '../../../src/keys/keyring.ts';
import { createNoticeBus } from '../../../src/store/notice-bus.ts';
import { insertToken } from '../../../src/store/token.ts';
import type { CreatedWorkspace } from '../../../src/workspaces/served.ts';
import {
  AGENTS,
  createAnsweringAgents,
  PATIENT_PROOF,
  type AnsweringAgents,
} from '../../support/answering-agents.ts';
import { createCountedClaims } from '../../support/counted-claims.ts';
import { asCreated, NO_WAITING } from '../../support/created.ts';
import { createTestCreator } from '../../support/creator.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { createQueue, type TestQueue } from '../../support/queue.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { openTestStore, TEST_SECRET_KEY, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let organizationId: OrganizationId;
let userId: UserId;
beforeEach(async () => {
  store = await openTestStore();
  make = createFactory(store);
  organizationId = await make.organization('acme');
  userId = await make.user({ organizationId });
});
afterEach(() => store.close());

it('a claim that is asked for again with its key is measured once', async () => {
  const { kit, database } = store;
  const { secret: token, hash } = createToken(kit.rng, 'sbt');
  const id = createId<TokenId>(kit);
  await insertToken(database, { id, userId, name: 'test', hash, lifetimeSeconds: null });
  const pool = await make.pool(
    await make.template({ organizationId, manifest: { claim: 'instant' } }),
  );
  await makeReady(store, make, { pool, count: 2 });
  const keyring = await openKeyring({ ...kit, database, secretKey: TEST_SECRET_KEY });
  const measured: string[] = [];
  const meter = { observe: (duration: string) => void measured.push(duration) };
  const claims = createCountedClaims({ ...kit, meter }, { database, keyring });
  const request = { token, organization: 'acme', template: pool.name };
  const first = await claims.claim({ ...request, name: 'one', idempotencyKey: 'k' });
  expect(measured).toEqual(['claim_duration', 'claim_to_ready']);
  const again = await claims.claim({ ...request, name: 'one', idempotencyKey: 'k' });
  expect(again).toMatchObject({ claimed: true, workspace: { id: first.workspace.id } });
  expect(measured).toEqual(['claim_duration', 'claim_to_ready']);
  await claims.claim({ ...request, name: 'two' });
  expect(measured).toHaveLength(4);
});

describe('of requests that wait for the same agents', () => {
  let queue: TestQueue;
  let answering: AnsweringAgents;
  let pool: TestPool;
  beforeEach(async () => {
    queue = createQueue(store, make, { bus: createNoticeBus({ ...store.kit, ...store }) });
    answering = createAnsweringAgents({ store, make }, queue.deps);
    const manifest = { claim: 'instant', agents: AGENTS } as const;
    pool = await make.pool(await make.template({ organizationId, manifest }), { desired: 3 });
  });
  afterEach(() => answering.end());

  type Deps = Parameters<typeof createTestCreator>[0];
  const ask = async (deps: Deps, proof = PATIENT_PROOF): Promise<CreatedWorkspace> => {
    const create = createTestCreator(deps, { proof });
    return asCreated(
      await create(
        { userId, isAdmin: false },
        {
          ...{ organization: 'acme', template: pool.name, name: 'demo', preset: pool.presetName },
          ...{ parameters: {}, onEmpty: 'create', ...NO_WAITING, idempotencyKey: 'k' },
        },
      ),
    );
  };

  it('the one that had to give up is not the first, if another one has them answer meanwhile', async () => {
    const [workspaceId] = await answering.ready(pool, 'frozen', 'lives');
    const { database } = queue.deps;
    const first = ask(queue.deps, { timeoutMs: 60_000, pollMs: 20 });
    const claims = (): Promise<unknown> =>
      store.sql('select from claims where pool_id = $1', [pool.poolId]);
    await expect.poll(claims, { interval: 1 }).toHaveLength(1);
    const late: typeof database = {
      ...database,
      // The void of what did not answer.
      transaction: async (work, options) => {
        await store.sql('update agents set last_seen_at = standby_now() where workspace_id = $1', [
          workspaceId,
        ]);
        await first;
        return database.transaction(work, options);
      },
    };
    const clock = answering.impatientClock(pool);
    const second = await ask({ ...queue.deps, database: late, clock });
    expect((await first).isRepeated).toBeUndefined();
    expect(second).toMatchObject({ workspaceId, isRepeated: true });
  });

  it('the one that has them answer is the first, if who took it is gone', async () => {
    const [workspaceId] = await answering.ready(pool, 'lives');
    const dies = (): never => {
      throw new Error('it died');
    };
    await expect(ask({ ...queue.deps, bus: { subscribe: dies } })).rejects.toThrow('it died');
    const given = await ask(queue.deps);
    expect(given).toMatchObject({ workspaceId, claimed: true });
    expect(given.isRepeated).toBeUndefined();
    expect((await ask(queue.deps)).isRepeated).toBe(true);
  });
});
