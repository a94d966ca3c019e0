// What a transaction of its own only writes.
import type { Database, Transaction } from '../../src/store/database.ts';

/** Commits what `write` asks for. */
export function written(
  database: Database,
  write: (tx: Transaction) => void | Promise<void>,
): Promise<void> {
  return database.transaction(async (tx) => {
    await write(tx);
  });
}
