-- phase: expand
-- why: one clock for every statement, so that replicas whose own clocks differ decide alike

-- Whole milliseconds, cut rather than rounded, so that a fresh row never lies in the future.
-- STABLE although the clock moves: `(select standby_now())` is then read once per statement and
-- can be compared with an index. Test databases replace this function by one with an offset.
create function standby_now() returns timestamptz
  language sql
  stable
  parallel safe
  return date_trunc('milliseconds', clock_timestamp());
