// What must hold at any moment: the doctor's invariants, and what only a test can tell.
import pg from 'pg';
import { INVARIANTS } from '../../src/store/doctor/all.ts';
import { PREBUILDS_USER_ID } from '../../src/store/system-user.ts';
import type { TestStore } from './store.ts';

const DELETED_UNASKED = `
  select w.id::text as subject
  from workspaces w
  join claims c on c.workspace_id = w.id
  where w.deleted_at is not null
    and c.outcome <> 'void'
    and not exists (
      select from builds b
      where b.workspace_id = w.id and b.transition = 'delete' and b.initiator_id <> '${PREBUILDS_USER_ID}')`;

const KEPT_EPOCH = `
  select w.id::text as subject
  from workspaces w
  where w.origin = 'prebuild'
    and w.epoch <> (
      select coalesce(sum(case when c.outcome = 'void' then 2 else 1 end), 0)
      from claims c
      where c.workspace_id = w.id and c.outcome <> 'miss')`;

const QUERIES: readonly (readonly [name: string, sql: string])[] = [
  ...INVARIANTS.map(({ id, title, find }) => [`${id}: ${title}`, find.text] as const),
  ['a claimed workspace was deleted, which no person asked for', DELETED_UNASKED],
  ['a workspace has changed hands more often, or more seldom, than its epoch rose', KEPT_EPOCH],
];

// One statement, because it is asked after every step of thousands: `union all` over all of them.
const FIND_VIOLATIONS = QUERIES.map(
  ([name, sql]) =>
    `select ${pg.escapeLiteral(name)} as name, string_agg(subject, ', ') as subjects
     from (${sql}) as found
     having count(*) > 0`,
).join('\nunion all\n');

/** The names of what is violated, with what it is about; empty when all is well. */
export async function findViolations(store: TestStore): Promise<readonly string[]> {
  // By a name, so that it is planned once: that takes longer than to run it.
  const { rows } = await store.database.query({
    name: 'test.find_violations',
    text: FIND_VIOLATIONS,
    values: [],
  });
  return rows.map(([name, subjects]) => `${String(name)}: ${String(subjects)}`);
}
