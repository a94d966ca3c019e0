// Members whose agents have just fallen silent: nobody announces that.
import type { PoolId } from '../../base/id.ts';
import { uuid } from '../column.ts';
import { statement, takes } from '../statement.ts';
import { AGENT_WATCH } from './ready-now.ts';

/**
 * The pools of members that were ready and whose agents' silence began, as READY_NOW judges it, within
 * the last `withinMs`. Reads the ready members and their agents, of which no other table holds what is
 * over.
 */
export const findPoolsFallenSilent = statement({
  name: 'pool_member.find_fallen_silent',
  takes: takes<{ readonly withinMs: number }>(),
  gives: { poolId: uuid<PoolId>() },
  sql: `
    select distinct m.pool_id
    from watches
    cross join pool_members m
    cross join lateral (
      select min(agents.last_seen_at + make_interval(secs => agents.timeout_seconds)) as ended_at
      from agents
      where agents.workspace_id = m.workspace_id
    ) as signs
    where watches.name = '${AGENT_WATCH}'
      and m.ready
      and greatest(signs.ended_at, watches.judging_from) < (select standby_now())
      and greatest(signs.ended_at, watches.judging_from)
        >= (select standby_now()) - make_interval(secs => $withinMs::float8 / 1000)`,
});
