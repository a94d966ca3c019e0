// What the next turn of a pool would do: the same as what it then does, and nothing is changed by asking.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ReconcilerOptions } from '../../../src/reconciler/options.ts';
import { readPoolPages } from '../../../src/reconciler/pool-page.ts';
import { createBuilder, FAILED, type Builder } from '../../support/builder.ts';
import { countStatements } from '../../support/counted-database.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { openPoolApi } from '../../support/pool-api.ts';
import { doneOf, reconcileNow, RECONCILER_OPTIONS } from '../../support/reconcile.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { readWorld } from '../../support/world.ts';

let store: TestStore;
let make: Factory;
let builder: Builder;
let pool: TestPool;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  builder = createBuilder(store);
});
afterAll(() => store.close());
beforeEach(async () => {
  const organizationId = await make.organization();
  pool = await make.pool(await make.template({ organizationId }), { desired: 3 });
});

const setDesired = (desired: number) =>
  store.sql('update presets set desired_instances = $2 where id = $1', [pool.presetId, desired]);
const reconcile = (options: Partial<ReconcilerOptions> = {}) =>
  reconcileNow(store, pool.poolId, options);
const plan = async (options: Partial<ReconcilerOptions> = {}) =>
  (await openPoolApi(store, pool, options)).plan();

/** The plan in the words in which a turn says what it did. */
async function planned(options: Partial<ReconcilerOptions> = {}): Promise<readonly string[]> {
  const { plan: next } = await plan(options);
  const { retire, retry } = next.housekeeping;
  return [
    ...(next.limit_event === null ? [] : ['pool.brakes_changed 0']),
    ...next.presets.flatMap(({ actions }) =>
      actions.map((action) => {
        switch (action.type) {
          case 'create':
            return `pool.created ${action.count}`;
          case 'cancel_pending':
            return `pool.canceled ${action.count}`;
          case 'delete':
            return `pool.deleting ${action.ids.length} ${action.reason}`;
        }
      }),
    ),
    ...(retire.length === 0 ? [] : [`pool.deleting ${retire.length} retention`]),
    ...(retry.length === 0 ? [] : [`pool.deleting ${retry.length} retry`]),
  ];
}

const SITUATIONS: Readonly<Record<string, () => Promise<unknown>>> = {
  'is empty': () => Promise.resolve(),
  'is full': async () => {
    await reconcile();
    await builder.buildAll();
  },
  'has too many, ready and queued': async () => {
    await setDesired(2);
    await reconcile();
    await builder.buildAll();
    await setDesired(4);
    await reconcile();
    await setDesired(1);
  },
  'has grown old': async () => {
    await reconcile();
    await builder.buildAll();
    await store.sql('update presets set ttl_seconds = 60 where id = $1', [pool.presetId]);
    await store.advanceClock(60_001);
  },
  'is of a former version': async () => {
    await reconcile();
    await builder.buildAll();
    const { versionId } = await make.version(pool, { active: true });
    await make.pool({ ...pool, versionId }, { name: pool.presetName, desired: 2 });
  },
  'is about to be limited': async () => {
    await reconcile();
    await builder.buildAll(FAILED);
  },
  'may try one': async () => {
    await reconcile();
    await builder.buildAll(FAILED);
    await reconcile();
    await store.advanceClock(900_001);
  },
  'has failures that were kept for a day': async () => {
    await reconcile();
    await builder.buildAll(FAILED);
    await reconcile();
    await setDesired(0);
    await store.advanceClock(86_400_001);
  },
  'has a delete to try again': async () => {
    await reconcile();
    await builder.buildAll();
    await setDesired(0);
    await reconcile();
    await builder.buildAll(FAILED);
    await store.advanceClock(60_001);
  },
};

/** As a manifest declares it; a value must be given. */
const REGION = { name: 'region', type: 'string', default: null, options: [], sensitive: false };

describe('the plan of a pool', () => {
  it.each(Object.entries(SITUATIONS))('that %s is what its turn does', async (_, prepare) => {
    await prepare();
    const before = await readWorld(store.connection);
    const said = await planned();
    expect(await readWorld(store.connection)).toEqual(before);
    expect(
      doneOf(await reconcile()).map((line) => line.replace(/^(pool.created \d+) .*/, '$1')),
    ).toEqual(said);
  });

  it('knows what the budget of the organization holds back', async () => {
    const options = { maxCreationsInFlight: 2 };
    expect(await planned(options)).toEqual(['pool.created 2']);
    expect((await plan(options)).withheld).toEqual({ count: 1, reason: 'budget' });
    expect(doneOf(await reconcile(options))).toEqual(['pool.created 2']);
  });

  it.each([
    ['{"size": "xl"}', [], 'The template has no parameter "size".'],
    ['{}', [REGION], 'The parameter "region" (string) needs a value: it has no default.'],
  ])(
    'knows that the parameters %s do not fit, before a turn has found it',
    async (parameters, declared, reason) => {
      await store.sql(
        `update template_versions
         set manifest = jsonb_set(manifest, '{parameters}', $2::jsonb) where id = $1`,
        [pool.versionId, JSON.stringify(declared)],
      );
      await store.sql('update presets set parameters = $2 where id = $1', [
        pool.presetId,
        parameters,
      ]);
      expect(await planned()).toEqual([]);
      expect(await plan()).toMatchObject({
        withheld: { count: 3, reason: 'validation_failed' },
        validation_error: reason,
      });
      expect(doneOf(await reconcile())).toEqual([`preset.validation_failed 0 ${reason}`]);
    },
  );

  it('says when something falls due by itself', async () => {
    await reconcile();
    await builder.buildAll();
    expect((await plan()).plan.next_boundary).toBeNull();
    await store.sql('update presets set ttl_seconds = 60 where id = $1', [pool.presetId]);
    const { next_boundary: due } = (await plan()).plan;
    const [born] = await store.sql<{ at: number }>(
      'select min(born_at) as at from pool_members where pool_id = $1',
      [pool.poolId],
    );
    expect(Date.parse(due!)).toBe(born!.at + 60_001);
  });
});

describe('the plans of an organization', () => {
  /** The names of the statements that reading all of them takes. */
  async function statementsOf(): Promise<readonly string[]> {
    const { organizationId } = pool;
    const listing = { organizationId, template: null, after: null, limit: 500 };
    const counted = countStatements(store.database);
    await readPoolPages(counted, listing, RECONCILER_OPTIONS);
    return counted.take().statements;
  }

  it('take four statements, however many pools there are', async () => {
    const one = await statementsOf();
    for (let n = 0; n < 20; n++) await make.pool(pool, { desired: 2 });
    expect(await statementsOf()).toEqual(one);
    expect(one).toHaveLength(4);
  });
});
