// Whether a daemon is there: a condition on `daemons d` that every statement shares.

/**
 * One that waits for work is noted every 15 seconds, and one whose slots are all taken reports about
 * its machine as often; four misses in a row are no accident.
 */
export const DAEMON_IS_SEEN = `(
  d.last_seen_at >= (select standby_now()) - interval '60 seconds')`;
