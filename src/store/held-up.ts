// How long a statement that does for many what each of them asked for waits for locks.
import { unseen } from './unseen.ts';

/**
 * One row, for `from`: a statement for more than one item of the array waits 50 ms for a lock, and fails then with an error
 * of `isOfOneRow`, so that its caller runs it for each item by itself. For one item it waits like any other statement. The
 * limit lasts until the transaction ends: in one that goes on, run it for one item at a time.
 */
export function notHeldUp(array: string): string {
  return `(
          select case when cardinality(given.items) > 1 then set_config('lock_timeout', '50ms', true) end
          from ${unseen(array)} as given (items)
        ) as not_held_up`;
}
