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

/** Gives undefined when there was none to take. Throws what breaks a constraint by this request alone. */
export type TakeTogether = Readonly<
  Record<ClaimOrder, (request: TakeRequest) => Promise<TakenPrebuild | undefined>>
>;

/**
 * Some milliseconds, mostly for the commit. One that is late waits for another use of an idempotency key,
 * and must not hold up the others.
 */
const TURNS = { lateMs: 30, most: 6, maxItems: 50 };

/** One for each control plane. */
export function createTakeTogether({
  clock,
  database,
}: Pick<Kit, 'clock'> & { readonly database: Database }): TakeTogether {
  const inOrder = (order: ClaimOrder): TakeTogether[ClaimOrder] =>
    together(clock, (requests) => takePrebuilds(database, order, requests), TURNS);
  return { oldest: inOrder('oldest'), newest: inOrder('newest') };
}
