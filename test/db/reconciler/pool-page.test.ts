// Pools as people see them, through the handlers of their routes.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createPoolHandlers } from '../../../src/api/pool/handlers.ts';
import type { PersonCaller } from '../../../src/api/handler.ts';
import type { TokenId, UserId } from '../../../src/base/id.ts';
import { poolDetailView } from '../../../src/contract/pool/schema.ts';
import { createBuilder, FAILED, SUCCEEDED, type Builder } from '../../support/builder.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { reconcileNow, RECONCILER_OPTIONS } from '../../support/reconcile.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let builder: Builder;
let pool: TestPool;
let organization: string;
let member: PersonCaller;

const OPTIONS = { ...RECONCILER_OPTIONS, maxCreationsInFlight: 4 };

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  builder = createBuilder(store);
});
afterAll(() => store.close());
beforeEach(async () => {
  organization = `org-${Buffer.from(store.kit.rng.bytes(4)).toString('hex')}`;
  const organizationId = await make.organization(organization);
  pool = await make.pool(await make.template({ organizationId }), { desired: 3 });
  member = asCaller(await make.user({ organizationId }));
});

const asCaller = (userId: UserId, isAdmin = false): PersonCaller => ({
  userId,
  username: 'someone',
  displayName: 'Someone',
  isAdmin,
  tokenId: 'token' as TokenId,
});
const request = { signal: new AbortController().signal };
const reconcile = () => reconcileNow(store, pool.poolId, OPTIONS);

async function show(caller = member) {
  const handlers = createPoolHandlers(store, OPTIONS);
  const params = { organization, template: pool.name, preset: pool.presetName };
  const { body } = await handlers.getPool({ ...request, caller, params });
  return poolDetailView.parse(body);
}

async function list(query: { limit?: number; cursor?: string; template?: string } = {}) {
  const handlers = createPoolHandlers(store, OPTIONS);
  const { body } = await handlers.listPools({
    ...request,
    caller: member,
    params: { organization },
    query,
  });
  return body;
}

describe('the page of a pool', () => {
  it('tells what is there, what is missing and what happened', async () => {
    expect(await show()).toMatchObject({
      organization,
      template: pool.name,
      preset: pool.presetName,
      version: 'v1',
      paused: false,
      state: { desired: 3, desired_source: 'base', target: 3, starting: 0, eligible: 0 },
      withheld: null,
      members: [],
      events: [],
    });
    await reconcile();
    const [first] = await builder.take({ poolId: pool.poolId, limit: 1 });
    await builder.finish(first!.jobId, SUCCEEDED);
    const page = await show();
    expect(page.state).toMatchObject({ actual: 1, eligible: 1, starting: 2 });
    expect(page.members.map(({ status, ready }) => [status, ready]).sort()).toEqual([
      ['pending', false],
      ['pending', false],
      ['running', true],
    ]);
    expect(page.events.map(({ kind }) => kind)).toEqual([
      'build_succeeded',
      'created',
      'created',
      'created',
    ]);
  });

  it('says what is held back, why and until when', async () => {
    await reconcile();
    const [first] = await builder.take({ poolId: pool.poolId, limit: 1 });
    await builder.finish(first!.jobId, FAILED);
    const { state, withheld, members } = await show();
    expect(withheld).toEqual({ count: 1, reason: 'backoff', until: state?.backoff_until });
    expect(members).toContainEqual(
      expect.objectContaining({ status: 'failed_start', problem: 'broken' }),
    );
    await store.sql('update pools set paused = true where id = $1', [pool.poolId]);
    expect(await show()).toMatchObject({
      paused: true,
      withheld: { count: 1, deletes: 0, reason: 'paused' },
    });
  });

  it('says when the budget of the organization holds creations back', async () => {
    await store.sql('update presets set desired_instances = 9 where id = $1', [pool.presetId]);
    await reconcile();
    expect(await show()).toMatchObject({
      state: { target: 9, starting: 4 },
      withheld: { count: 5, reason: 'budget' },
    });
  });

  it('shows a delete that does not succeed as stuck after three tries', async () => {
    await reconcile();
    await builder.buildAll();
    await store.sql('update presets set desired_instances = 2 where id = $1', [pool.presetId]);
    await reconcile();
    const problems: (string | null | undefined)[] = [];
    for (const waitMs of [61_000, 121_000, 241_000]) {
      await builder.buildAll(FAILED);
      const { members } = await show();
      problems.push(members.find(({ status }) => status === 'failed_delete')?.problem);
      await store.advanceClock(waitMs);
      await reconcile();
    }
    expect(problems).toEqual([
      'its delete did not succeed, tried once: broken',
      'its delete did not succeed, tried 2 times: broken',
      'stuck: its delete did not succeed, tried 3 times: broken',
    ]);
    await builder.buildAll();
    expect((await show()).members.map(({ status }) => status)).toEqual(['running', 'running']);
  });

  it.each([
    ['gone', 'its processes are gone'],
    ['died', 'its processes died, and their machine did not'],
    ['restored', 'it may have been claimed since the backup that the database is'],
    ['claim_forgotten', 'its agent has served an owner who is not known'],
    ['start_timeout', 'its startup did not succeed: start_timeout'],
  ])('says of a prebuild that is broken why (%s)', async (broken, problem) => {
    await reconcile();
    await builder.buildAll();
    await store.sql(
      `update pool_members set ready = false, broken = $2, unready_since = standby_now()
       where pool_id = $1`,
      [pool.poolId, broken],
    );
    const { members } = await show();
    expect(new Set(members.map((one) => one.problem))).toEqual(new Set([problem]));
  });

  it('shows the parameters that do not fit', async () => {
    await store.sql(`update presets set parameters = '{"size": "xl"}' where id = $1`, [
      pool.presetId,
    ]);
    await reconcile();
    expect(await show()).toMatchObject({
      withheld: { count: 3, reason: 'validation_failed' },
      validation_error: 'The template has no parameter "size".',
    });
  });

  it('has no state any more once no version asks for the pool', async () => {
    await make.version(pool, { active: true });
    expect(await show()).toMatchObject({ version: null, state: null, withheld: null });
    expect((await list()).items).toEqual([]);
  });

  it('is shown to members and administrators, and does not exist for others', async () => {
    const stranger = await make.user();
    await expect(show(asCaller(stranger))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await show(asCaller(stranger, true))).toMatchObject({ template: pool.name });
    pool = { ...pool, presetName: 'other' };
    await expect(show()).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('the list of pools', () => {
  it('is in the order of template and preset, page by page', async () => {
    const names = [pool.presetName];
    for (const name of ['c', 'a', 'b']) {
      names.push((await make.pool(pool, { name, desired: 1 })).presetName);
    }
    const shown: string[] = [];
    for (let cursor: string | null | undefined = undefined; cursor !== null;) {
      const page: Awaited<ReturnType<typeof list>> = await list({
        limit: 3,
        ...(cursor === undefined ? {} : { cursor }),
      });
      expect(page.items.length).toBeLessThanOrEqual(3);
      shown.push(...page.items.map(({ preset }) => preset));
      cursor = page.next_cursor;
    }
    expect(shown).toEqual([...names].sort());
    expect((await list({ template: 'other' })).items).toEqual([]);
  });
});
