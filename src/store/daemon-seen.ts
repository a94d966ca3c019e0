// Whether a daemon is there: conditions on `daemons d` that every statement shares.

/** A sign of life is noted every 15 seconds or so; that none was for a minute is no accident. */
export const DAEMON_IS_SEEN = `(
  d.last_seen_at >= (select standby_now()) - interval '60 seconds')`;

/** A sign of life needs no noting: one was noted just now, and each would be a write. */
export const DAEMON_IS_FRESH = `(
  d.last_seen_at >= (select standby_now()) - interval '10 seconds')`;
