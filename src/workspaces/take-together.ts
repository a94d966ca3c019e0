// Taking prebuilds that need no build: what is asked for at the same time is taken by one statement and one
// commit, so that a crowd at one pool costs little more than each other's rows.
import type { Kit } from '../base/kit.ts';
import { together } from '../base/together.ts';
import {
  takePrebuilds,
  type ClaimOrder,
  type TakenPrebuild,
  type TakeRequest,
} from '../store/claim-take.ts';
import type { Database } from '../store/database.ts';
import { isOfOneRow } from '../store/sqlstate.ts';

/** Gives undefined when there was none to take. Throws what breaks a constraint by this request alone. */
export type TakeTogether = Readonly<
  Record<ClaimOrder, (request: TakeRequest) => Promise<TakenPrebuild | undefined>>
>;

/** It takes some milliseconds, mostly for the commit: one that is late is stuck. */
const LATE_MS = 50;
/** So many are taken in about ten milliseconds. */
const MAX_CLAIMS = 50;

/** One for each control plane. */
export function createTakeTogether({
  clock,
  database,
}: Pick<Kit, 'clock'> & { readonly database: Database }): TakeTogether {
  const inOrder = (order: ClaimOrder): TakeTogether[ClaimOrder] =>
    together(clock, (requests) => takePrebuilds(database, order, requests), {
      lateMs: LATE_MS,
      // What is stuck holds a connection: as long as there is another one, others go on.
      most: database.maxConnections,
      maxItems: MAX_CLAIMS,
      isOfOneItem: isOfOneRow,
    });
  return { oldest: inOrder('oldest'), newest: inOrder('newest') };
}
