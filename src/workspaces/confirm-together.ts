// Confirming claims whose agents have answered: those that are looked at at the same time are confirmed by one statement
// and one commit.
import { confirmAll, existing, type ConfirmArgs, type Confirmed } from '../store/claim-confirm.ts';
import { runTogether, type RunTogetherDeps } from '../store/run-together.ts';
import { isOfOneRow } from '../store/sqlstate.ts';

/** Throws what is wrong with this claim alone. */
export type ConfirmTogether = (asked: ConfirmArgs) => Promise<Confirmed>;

/** As many as are taken together. */
const MAX_CLAIMS = 50;

/** One for each who proves. */
export function createConfirmTogether(deps: RunTogetherDeps): ConfirmTogether {
  const confirm = runTogether(
    deps,
    (asked: readonly ConfirmArgs[]) => confirmAll(deps.database, asked),
    { maxItems: MAX_CLAIMS, isOfOneItem: isOfOneRow },
  );
  return async (asked) => existing(await confirm(asked), asked);
}
