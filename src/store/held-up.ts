// Statements that do for many what one has asked for each.
import { unseen } from './unseen.ts';

/**
 * One row, for `from`: many do not wait for what holds up one of them, and never for one another. Where a lock is held
 * for longer the statement fails, as `isOfOneRow` tells, and each goes by itself; alone it waits as any statement does.
 */
export function notHeldUp(array: string): string {
  return `(
          select case when cardinality(given.items) > 1 then set_config('lock_timeout', '50ms', true) end
          from ${unseen(array)} as given (items)
        ) as not_held_up`;
}
