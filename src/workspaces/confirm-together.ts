// Confirming claims whose agents have answered: those that are looked at at the same time are confirmed by one statement
// and one commit.
import type { Kit } from '../base/kit.ts';
import { together } from '../base/together.ts';
import { confirmAll, existing, type ConfirmArgs, type Confirmed } from '../store/claim-confirm.ts';
import type { Database } from '../store/database.ts';
import { isOfOneRow } from '../store/sqlstate.ts';

export type ConfirmTogether = (asked: ConfirmArgs) => Promise<Confirmed>;

/** As for the taking. */
const LATE_MS = 50;
const MAX_CLAIMS = 50;

/** One for each who proves. */
export function createConfirmTogether({
  clock,
  database,
}: Pick<Kit, 'clock'> & { readonly database: Database }): ConfirmTogether {
  const confirm = together(clock, (asked: readonly ConfirmArgs[]) => confirmAll(database, asked), {
    lateMs: LATE_MS,
    // What is stuck holds a connection: as long as there is another one, others go on.
    most: database.maxConnections,
    maxItems: MAX_CLAIMS,
    isOfOneItem: isOfOneRow,
  });
  return async (asked) => existing(await confirm(asked), asked);
}
