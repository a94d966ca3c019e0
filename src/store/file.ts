// Files by content: equal bytes are stored once.
import type { UserId } from '../base/id.ts';
import { statement, takes, type Executor } from './statement.ts';

const insert = statement({
  name: 'file.insert',
  takes: takes<{ readonly hash: Buffer; readonly bytes: Uint8Array; readonly createdBy: UserId }>(),
  gives: {},
  sql: `
    insert into files (hash, bytes, created_by, created_at)
    values ($hash, $bytes, $createdBy, standby_now())
    on conflict (hash) do nothing`,
});

/** Stores bytes under their SHA-256, which the database checks; once stored, this changes nothing. */
export async function insertFile(
  on: Executor,
  file: { readonly hash: Buffer; readonly bytes: Uint8Array; readonly createdBy: UserId },
): Promise<void> {
  await insert.run(on, file);
}
