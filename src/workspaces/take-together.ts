// Taking prebuilds that need no build: what is asked for at the same time is taken by one statement and one
// commit, so that a crowd at one pool costs little more than each other's rows.
import {
  takePrebuilds,
  type ClaimOrder,
  type TakenPrebuild,
  type TakeRequest,
} from '../store/claim-take.ts';
import { runTogether, type RunTogetherDeps } from '../store/run-together.ts';
import { isOfOneRow } from '../store/sqlstate.ts';

/** Gives undefined when there was none to take. Throws what breaks a constraint by this request alone. */
export type TakeTogether = Readonly<
  Record<ClaimOrder, (request: TakeRequest) => Promise<TakenPrebuild | undefined>>
>;

/** So many are taken in about ten milliseconds. */
const MAX_CLAIMS = 50;

/** One for each control plane. */
export function createTakeTogether(deps: RunTogetherDeps): TakeTogether {
  const inOrder = (order: ClaimOrder): TakeTogether[ClaimOrder] =>
    runTogether(deps, (requests) => takePrebuilds(deps.database, order, requests), {
      ...{ maxItems: MAX_CLAIMS, isOfOneItem: isOfOneRow },
    });
  return { oldest: inOrder('oldest'), newest: inOrder('newest') };
}
