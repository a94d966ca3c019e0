// How many pools one replica reconciles at a time.

/** Half of the database connections leaves room for claims; more than five gained nothing. */
const SHARE = 2;
const MAX_CONCURRENCY = 5;

/** Workers for a database pool of `maxDbConnections`; one when that is 0 or unknown (undefined). */
export function reconcileConcurrency(maxDbConnections: number | undefined): number {
  if (maxDbConnections === undefined || !(maxDbConnections > 0)) return 1;
  return Math.min(Math.max(Math.floor(maxDbConnections / SHARE), 1), MAX_CONCURRENCY);
}
