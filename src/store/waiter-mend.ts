// Waiters whose claim was settled without them: by a control plane of before, which knows nothing of those that have
// something and are to be told once it is proven. Newer ones settle both in one statement (claim-proof.ts).
import type { PoolId, WaiterId } from '../base/id.ts';
import { float, nullable, uuid } from './column.ts';
import { statement, takes, type NoArgs } from './statement.ts';

/** Served where the claim is a hit, whatever the deadline; in line again, at the place that they had, where it is void. */
export const mendWaiters = statement({
  name: 'waiter.mend',
  takes: takes<NoArgs>(),
  gives: {
    id: uuid<WaiterId>(),
    poolId: uuid<PoolId>(),
    /** Null: it is in line again. */
    waitedMs: nullable(float),
  },
  sql: `
    with settled as materialized (
      select q.id, c.outcome <> 'void' as is_served
      from waiters q
      join claims c on c.workspace_id = q.workspace_id
      where q.ended_at is null
        and q.workspace_id is not null
        and c.outcome in ('hit', 'failed', 'void')
      order by q.id
      for update of q
    ), mended as (
      update waiters q
      set workspace_id = case when s.is_served then q.workspace_id end,
        ended_at = case when s.is_served then (select standby_now()) end,
        outcome = case when s.is_served then 'served' end,
        key_id = case when not s.is_served then q.key_id end,
        sealed = case when not s.is_served then q.sealed end
      from settled s
      where q.id = s.id
      returning q.id, q.pool_id, q.template_id, q.created_at, s.is_served
    ), counted as (
      insert into counter_steps (counter, template_id, preset, labels, amount)
      select 'waits_ended', m.template_id, l.preset_name, '{"outcome": "served"}', 1
      from mended m
      join pools l on l.id = m.pool_id
      where m.is_served
    )
    select id, pool_id,
      case
        when is_served then extract(epoch from (select standby_now()) - created_at)::float8 * 1000
      end as waited_ms
    from mended`,
});
