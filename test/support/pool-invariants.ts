// What must hold at any moment: the doctor's invariants, and what only a test can tell.
import { INVARIANTS } from '../../src/store/doctor/all.ts';
import { PREBUILDS_USER_ID } from '../../src/store/system-user.ts';
import type { TestStore } from './store.ts';

/** A claimed workspace that is gone, which no person asked for. */
const DELETED_UNASKED = `
  select w.id
  from workspaces w
  join claims c on c.workspace_id = w.id
  where w.deleted_at is not null
    and not exists (
      select from builds b
      where b.workspace_id = w.id and b.transition = 'delete' and b.initiator_id <> '${PREBUILDS_USER_ID}')`;

/** The names of what is violated, with what it is about; empty when all is well. */
export async function findViolations(store: TestStore): Promise<readonly string[]> {
  const found: string[] = [];
  await store.database.transaction(
    async (tx) => {
      for (const { id, title, find } of INVARIANTS) {
        const rows = await find.all(tx, {});
        if (rows.length > 0) {
          found.push(`${id}: ${title}: ${rows.map(({ subject }) => subject).join(', ')}`);
        }
      }
    },
    { mode: 'snapshot' },
  );
  const deleted = await store.sql<{ id: string }>(DELETED_UNASKED);
  if (deleted.length > 0) {
    found.push(`a claimed workspace was deleted: ${deleted.map(({ id }) => id).join(', ')}`);
  }
  return found;
}
