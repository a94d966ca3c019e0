// How many places in line one person may hold: each is a row that turns read, and a name that is kept.
import { AppError } from '../../base/app-error.ts';
import type { UserId } from '../../base/id.ts';
import type { Transaction } from '../../store/database.ts';
import { countPlaces, lockPlaces } from '../../store/waiter.ts';

/** Undefined where there is room for one more, until the end of the transaction. */
export async function refusePlace(
  tx: Transaction,
  { userId, most }: { readonly userId: UserId; readonly most: number },
): Promise<AppError | undefined> {
  await lockPlaces.one(tx, { userId });
  const { places } = await countPlaces.one(tx, { userId });
  if (places < most) return undefined;
  return new AppError('TOO_MANY_WAITERS', {
    detail: `you hold ${places} places in line already, and may hold ${most}`,
    fields: { places, most },
  });
}
