// The lock under which a pool is decided: its row. Whoever changes what the decision is made from
// (promote, deprecate, pause, resize) locks the same rows first, in the order of their ids.
import type { OrganizationId, PoolId } from '../base/id.ts';
import { PAUSE_LOCK } from './advisory-lock.ts';
import { bool, text, uuid } from './column.ts';
import { statement, takes } from './statement.ts';

/**
 * Locks, and tells of the locked row whether the pool is paused. What is decided has to be read by later
 * statements: a statement that locks and reads sees the world as it was before it waited (measured:
 * docs/adr/0010-the-lease-saves-work.md). That somebody waits for a prebuild may be told too late by it,
 * too: who joins the line gives the pool another turn.
 *
 * Foreign keys of new rows ask for `key share`, which `no key update` lets through, so claims and
 * completions never wait for a reconcile.
 */
export const lockPool = statement({
  name: 'pool.lock',
  takes: takes<{ readonly poolId: PoolId }>(),
  gives: {
    organizationId: uuid<OrganizationId>(),
    paused: bool,
    hasLine: bool,
    pauseLock: text,
  },
  sql: `
    with pool as materialized (
      select organization_id, paused
      from pools
      where id = $poolId
      for no key update
    )
    select organization_id, paused,
      exists (
        select from waiters q
        where q.pool_id = $poolId and q.ended_at is null and q.workspace_id is null
      ) as has_line,
      pg_advisory_xact_lock_shared(${PAUSE_LOCK})::text as pause_lock
    from pool`,
});
