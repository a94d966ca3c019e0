// When a pool member counts as ready, as a condition on `pool_members m` that every statement shares.

/** The row of `watches` in which the look for silent agents keeps its time. */
export const AGENT_WATCH = 'agents';

/**
 * Ready, and its signs of life are fresh; or they could not be stored for a while, and judging
 * silence has to wait (behaviour: time in which nothing could be stored counts against nobody).
 */
export const READY_NOW = `(m.ready and (
  m.ready_until >= (select standby_now())
  or (select standby_now()) < (
    select judging_from from watches where watches.name = '${AGENT_WATCH}')))`;
