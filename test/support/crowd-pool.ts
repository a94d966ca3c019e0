// Pools that a crowd claims from (claiming-crowd.ts), and what operators and two control planes do with them meanwhile.
import { expect } from 'vitest';
import type { WorkspaceId } from '../../src/base/id.ts';
import type { Manifest } from '../../src/contract/manifest/schema.ts';
import { changePool, type PoolChange } from '../../src/pools/change-pool.ts';
import { createBuilder, type Builder } from './builder.ts';
import type { ClaimingCrowd } from './claiming-crowd.ts';
import type { TestPool } from './factory.ts';
import { OPERATOR } from './plays.ts';
import { reconcileNow } from './reconcile.ts';

export interface CrowdPools {
  readonly builder: Builder;
  /** Full, by its own passes; ready, unless there are agents to wait for. */
  poolOf(desired: number, manifest?: Partial<Manifest>): Promise<TestPool>;
  /** A turn of both control planes at once. */
  passes(pool: TestPool): Promise<void>;
  change(pool: TestPool, given: Partial<PoolChange>): Promise<void>;
  /** Those that were not given away and are not being deleted; with `ready` false also such as nobody heard of. */
  membersOf(pool: TestPool, ready?: boolean): Promise<readonly WorkspaceId[]>;
  /** Makes its prebuilds so many hours old by turns, and those too old that are older than the most. */
  age(
    pool: TestPool,
    hours: { readonly most: number; readonly turns: readonly number[] },
  ): Promise<Ages>;
  /** Of those, the ones that were too old when they were taken for somebody. */
  takenTooOld(ages: Ages): Promise<readonly WorkspaceId[]>;
}

export interface Ages {
  readonly most: number;
  /** In hours. */
  readonly of: ReadonlyMap<WorkspaceId, number>;
}

export function createCrowdPools({ store, make, organizationId }: ClaimingCrowd): CrowdPools {
  const { kit, database, keyring } = store;
  const builder = createBuilder(store);
  /** What each of the control planes looks after pools with. */
  const databases = [database, store.open()];
  // All pools of the organization share it, and each has to be filled at once.
  const options = { maxCreationsInFlight: 1_000_000 };
  const passes: CrowdPools['passes'] = async ({ poolId }) => {
    const outcomes = await Promise.all(
      databases.map((each) => reconcileNow({ kit, database: each, keyring }, poolId, options)),
    );
    expect(outcomes.flatMap((one) => (one.kind === 'reconciled' ? one.errors : []))).toEqual([]);
  };
  const membersOf: CrowdPools['membersOf'] = async ({ poolId }, ready = true) => {
    const rows = await store.sql<{ id: WorkspaceId }>(
      `select workspace_id as id from pool_members
       where pool_id = $1 and transition = 'start' and (ready or not $2) order by workspace_id`,
      [poolId, ready],
    );
    return rows.map(({ id }) => id);
  };
  return {
    ...{ builder, passes, membersOf },
    poolOf: async (desired, given = {}) => {
      const manifest: Partial<Manifest> = { claim: 'instant', ...given };
      const template = await make.template({ organizationId, manifest });
      const pool = await make.pool(template, { desired });
      await passes(pool);
      // What other pools have left waits before it.
      while ((await builder.buildAll()) > 0) await passes(pool);
      expect(await membersOf(pool, template.manifest.agents.length === 0)).toHaveLength(desired);
      return pool;
    },
    change: async ({ poolId }, given) => {
      const asked = { poolId, by: OPERATOR, paused: undefined, size: undefined, ...given };
      await database.transaction((tx) => changePool(kit, tx, asked));
    },
    age: async (pool, { most, turns }) => {
      await store.sql('update presets set ttl_seconds = $2 where id = $1', [
        pool.presetId,
        most * 3_600,
      ]);
      const ids = await membersOf(pool);
      const of = new Map(ids.map((id, n) => [id, turns[n % turns.length] ?? 0]));
      await store.sql(
        `update pool_members m set born_at = m.born_at - given.hours * interval '1 hour'
         from unnest($1::uuid[], $2::float8[]) as given (id, hours)
         where m.workspace_id = given.id`,
        [[...of.keys()], [...of.values()]],
      );
      await store.advanceClock(0);
      return { most, of };
    },
    takenTooOld: async ({ most, of }) => {
      const rows = await store.sql<{ id: WorkspaceId }>(
        `select c.workspace_id as id
         from claims c
         join builds b on b.workspace_id = c.workspace_id and b.number = 1
         join jobs j on j.id = b.job_id
         join unnest($1::uuid[], $2::float8[]) as given (id, hours) on given.id = c.workspace_id
         where c.outcome in ('hit', 'void')
           and c.at > j.acquired_at + ($3 - given.hours) * interval '1 hour'`,
        [[...of.keys()], [...of.values()], most],
      );
      return rows.map(({ id }) => id);
    },
  };
}
