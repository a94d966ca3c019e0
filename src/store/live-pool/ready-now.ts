// When a pool member counts as ready, as a condition on `pool_members m` that every statement shares.

/** The row of `watches` in which the look for silent agents keeps its time. */
export const AGENT_WATCH = 'agents';

/**
 * Ready, and every agent's sign of life is fresh; or signs could not be stored for a while, and
 * judging silence has to wait (behaviour: time in which nothing could be stored counts against nobody).
 *
 * The signs are read from `agents`, not kept in the member's row: heartbeats would lock that row over
 * and over, and `skip locked` would make a claim miss a workspace that is ready.
 */
export const READY_NOW = `(m.ready and (
  coalesce((
    -- An aggregate is looked up row by row. As an anti join or a hashed subplan the planner may
    -- read all agents there ever were (seen with 600 members before 20,000 old agents).
    select bool_and(coalesce(
      agents.last_seen_at + make_interval(secs => agents.timeout_seconds)
        >= (select standby_now()), false))
    from agents
    where agents.workspace_id = m.workspace_id), true)
  or exists (
    select from watches
    where watches.name = '${AGENT_WATCH}'
      and watches.judging_from > (select standby_now()))))`;
