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
  ...INVARIANTS.map(({ id, title, sql }) => [`${id}: ${title}`, sql] as const),
  ['a claimed workspace was deleted, which no person asked for', DELETED_UNASKED],
  ['a workspace has changed hands more often, or more seldom, than its epoch rose', KEPT_EPOCH],
];

// One statement, because it is asked after every step of thousands: `union all` over all of them. Nothing
// more for each: to set up a plan of so many parts takes most of the time, and to run it where all is well next to none.
const FIND_VIOLATIONS = QUERIES.map(
  ([name, sql]) => `select ${pg.escapeLiteral(name)}, subject from (${sql}) as found (subject)`,
).join('\nunion all\n');

/** The names of what is violated, with what it is about; empty when all is well. */
export async function findViolations(store: TestStore): Promise<readonly string[]> {
  // By a name, so that it is planned once: that takes longer than to run it.
  const { rows } = await store.database.query({
    name: 'test.find_violations',
    text: FIND_VIOLATIONS,
    values: [],
  });
  const subjects = new Map<string, string[]>();
  for (const [name, subject] of rows as readonly (readonly [string, string])[]) {
    subjects.set(name, [...(subjects.get(name) ?? []), subject]);
  }
  return [...subjects].map(([name, found]) => `${name}: ${found.sort().join(', ')}`);
}

/** The same of prebuilds that no daemon has made, which some invariants find strange: what is left is about claims. */
export async function findUnbuiltViolations(store: TestStore): Promise<readonly string[]> {
  const violations = await findViolations(store);
  return violations.filter((text) => /^(claim|member|a )/.test(text));
}
