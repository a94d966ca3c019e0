// Since when a pool's prebuilds must have been born to be given away, of `pools l` and `presets p`.

/** What was born before has expired: by the last invalidation, or at this instant by the preset's TTL. */
export const FRESH_SINCE = `greatest('-infinity', l.last_invalidated_at,
  (select standby_now()) - make_interval(secs => nullif(p.ttl_seconds, 0)))`;
