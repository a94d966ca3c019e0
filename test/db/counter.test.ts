import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordMiss } from '../../src/store/claim.ts';
import { addUpCounters, readCounters } from '../../src/store/counter.ts';
import type { Executor } from '../../src/store/statement.ts';
import { createId, type UserId, type WorkspaceId } from '../../src/base/id.ts';
import { createBuilder, FAILED, type Builder } from '../support/builder.ts';
import { claimOne } from '../support/claim.ts';
import { createFactory, type Factory, type TestPool } from '../support/factory.ts';
import { reconcileNow } from '../support/reconcile.ts';
import { openTestStore, type TestStore } from '../support/store.ts';

let store: TestStore;
let make: Factory;
let builder: Builder;
let pool: TestPool;
let userId: UserId;
beforeEach(async () => {
  store = await openTestStore();
  make = createFactory(store);
  builder = createBuilder(store);
  const organizationId = await make.organization('acme');
  userId = await make.user({ organizationId });
  pool = await make.pool(await make.template({ organizationId }), { name: 'small', desired: 3 });
});
afterEach(() => store.close());

/** As `counter{labels}` with how much; labels of places left out where they are the pool's. */
async function counted(on: Executor = store.database): Promise<Readonly<Record<string, number>>> {
  const rows = await readCounters.all(on, {});
  return Object.fromEntries(
    rows.map(({ counter, organization, template, preset, labels, total }) => {
      const place = [organization, template, preset].filter((name) => name !== null).join('/');
      const rest = Object.entries(labels)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, value]) => `${name}=${value}`);
      return [[counter, place, ...rest].filter((part) => part !== '').join(' '), total];
    }),
  );
}

const place = (): string => `acme/${pool.name}/small`;
const claim = (name: string, database = store.database): Promise<WorkspaceId | undefined> =>
  claimOne(database, store.kit, { pool, userId, name });

const miss = (reason: string, preset = pool.presetName): Promise<number> =>
  recordMiss.run(store.database, {
    ...{ claimId: createId(store.kit), eventId: createId(store.kit), reason, preset, userId },
    ...{ organizationId: pool.organizationId, templateId: pool.templateId, poolId: pool.poolId },
    ...{ workspaceId: null, epoch: null, resolveMs: 0 },
  });

/** Three made, one of which fails; two claimed, one missed. */
async function live(): Promise<void> {
  await reconcileNow(store, pool.poolId);
  const [first] = await builder.take({ limit: 1 });
  await builder.finish(first!.jobId, FAILED);
  await builder.buildAll();
  await claim('one');
  await claim('two');
  await miss('empty');
}

const LIVED = (): Readonly<Record<string, number>> => ({
  'builds_enqueued kind=claim reason=claim status=queued transition=start': 2,
  'builds_enqueued kind=pool reason=prebuild status=queued transition=start': 3,
  [`claims_missed ${place()} reason=empty`]: 1,
  [`prebuilds_claimed ${place()}`]: 2,
  [`prebuilds_created ${place()}`]: 3,
  [`prebuilds_failed ${place()}`]: 1,
});

describe('counters', () => {
  it('say what happened, before they are added up and after', async () => {
    await live();
    expect(await counted()).toEqual(LIVED());
    await addUpCounters(store.database);
    expect(await counted()).toEqual(LIVED());
    expect(await store.sql('select from counter_steps')).toEqual([]);
    await claim('three');
    await miss('empty');
    expect(await counted()).toMatchObject({ [`claims_missed ${place()} reason=empty`]: 2 });
  });

  it('are the same on every replica, and after any number of restarts', async () => {
    await live();
    await addUpCounters(store.database);
    await miss('none_ready');
    const other = store.open();
    expect(await counted(other)).toEqual(await counted());
    expect(await counted(other)).toMatchObject({
      [`claims_missed ${place()} reason=none_ready`]: 1,
      [`claims_missed ${place()} reason=empty`]: 1,
    });
  });

  it('outlive the rows they came from', async () => {
    await live();
    await store.sql('delete from claims');
    await store.sql('delete from pool_events');
    expect(await counted()).toEqual(LIVED());
  });

  it('lose and double nothing while replicas add up and people claim at once', async () => {
    const other = store.open();
    const adding = Array.from({ length: 20 }, (_, n) =>
      addUpCounters(n % 2 === 0 ? store.database : other),
    );
    const missing = Array.from({ length: 60 }, () => miss('empty'));
    const read = Array.from({ length: 20 }, () => counted(other));
    await Promise.all([...adding, ...missing]);
    const seen = (await Promise.all(read)).map((one) => Object.values(one)[0] ?? 0);
    expect(Math.max(...seen)).toBeLessThanOrEqual(60);
    expect(Object.values(await counted())).toEqual([60]);
    await addUpCounters(other);
    expect(Object.values(await counted())).toEqual([60]);
  });

  it('keep no claim waiting for another, nor for adding up', async () => {
    await reconcileNow(store, pool.poolId);
    await builder.buildAll();
    await store.database.transaction(async (tx) => {
      await recordMiss.run(tx, {
        ...{ claimId: createId(store.kit), eventId: createId(store.kit), reason: 'empty', userId },
        ...{ organizationId: pool.organizationId, templateId: pool.templateId },
        ...{ poolId: pool.poolId, preset: 'small', workspaceId: null, epoch: null, resolveMs: 0 },
      });
      // With the former uncommitted, a row that all count in would hold these up for ever.
      await outside(async (client) => {
        await client.query(`set lock_timeout = '5s'`);
        await client.query(
          `insert into counter_steps (counter, template_id, preset, labels, amount)
           values ('claims_missed', $1, 'small', '{"reason": "empty"}', 1)`,
          [pool.templateId],
        );
      });
    });
    expect(await counted()).toMatchObject({ [`claims_missed ${place()} reason=empty`]: 2 });
  });

  it('count nothing of what was rolled back', async () => {
    await reconcileNow(store, pool.poolId);
    await builder.buildAll();
    const before = await counted();
    await expect(
      store.database.transaction(async (tx) => {
        await recordMiss.run(tx, {
          ...{ claimId: createId(store.kit), eventId: createId(store.kit), userId },
          ...{ organizationId: pool.organizationId, templateId: pool.templateId, reason: 'empty' },
          ...{ poolId: pool.poolId, preset: 'small', workspaceId: null, epoch: null, resolveMs: 0 },
        });
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(await counted()).toEqual(before);
  });

  it('count a build that was refused', async () => {
    await store.sql(
      `update template_versions set manifest = jsonb_set(manifest, '{parameters}', $1)`,
      [
        JSON.stringify([
          { name: 'size', type: 'string', default: null, options: [], mutable: false },
        ]),
      ],
    );
    await reconcileNow(store, pool.poolId);
    expect(await counted()).toEqual({
      'builds_enqueued kind=pool reason=prebuild status=refused transition=start': 1,
    });
  });

  it('go on under the name of a template that was deleted and made again', async () => {
    await live();
    await addUpCounters(store.database);
    const { name, organizationId } = pool;
    await store.sql('update templates set deleted_at = standby_now()');
    expect(Object.keys(await counted()).filter((key) => key.includes(name))).toEqual([]);
    const again = await make.template({ organizationId });
    await store.sql('update templates set name = $2 where id = $1', [again.templateId, name]);
    pool = { ...(await make.pool(again, { name: 'small' })), name };
    await miss('empty');
    expect(await counted()).toMatchObject({
      [`claims_missed ${place()} reason=empty`]: 2,
      [`prebuilds_claimed ${place()}`]: 2,
    });
  });

  it('have series for presets of active versions only', async () => {
    await miss('no_pool', 'gone');
    expect(await counted()).toEqual({});
  });

  it('begin with what was there before anything was counted', async () => {
    await live();
    const before = await counted();
    await store.sql('truncate counter_steps, counter_totals');
    for (const text of backfill()) await store.sql(text);
    expect(await counted()).toEqual(before);
  });
});

/** The statements of the migration that count what is there. */
function backfill(): readonly string[] {
  const file = new URL('../../migrations/0013_store_counters.sql', import.meta.url);
  const statements = readFileSync(file, 'utf8')
    .split(/(?=^insert into)/m)
    .slice(1);
  expect(statements.length).toBe(5);
  return statements;
}

async function outside(
  work: (client: Awaited<ReturnType<TestStore['database']['connect']>>) => Promise<void>,
): Promise<void> {
  const client = await store.database.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
