// What must hold of pools at any moment, as queries that find violations.
import type { TestStore } from './store.ts';

const SYSTEM = `'00000000-0000-7000-8000-000000000001'`;

const VIOLATIONS: Readonly<Record<string, string>> = {
  'a workspace was claimed more than once': `
    select workspace_id from claims where outcome = 'hit' group by 1 having count(*) > 1`,
  'a claim has an owner that it did not make': `
    select c.id from claims c join workspaces w on w.id = c.workspace_id
    where c.outcome = 'hit' and w.owner_id <> c.user_id`,
  'the pool built on a workspace after its claim': `
    select b.id
    from builds b
    join claims c on c.workspace_id = b.workspace_id and c.outcome = 'hit'
    join builds handed on handed.workspace_id = b.workspace_id and handed.stage = 'claim'
    where b.initiator_id = ${SYSTEM} and b.number > handed.number`,
  'a claimed workspace was deleted, which no person asked for': `
    select w.id
    from workspaces w
    join claims c on c.workspace_id = w.id
    where w.deleted_at is not null
      and not exists (
        select from builds b
        where b.workspace_id = w.id and b.transition = 'delete' and b.initiator_id <> ${SYSTEM})`,
  'a claimed or deleted workspace is a pool member': `
    select m.workspace_id from pool_members m join workspaces w on w.id = m.workspace_id
    where w.owner_id <> ${SYSTEM} or w.deleted_at is not null`,
  'an unclaimed prebuild is no pool member': `
    select w.id from workspaces w left join pool_members m on m.workspace_id = w.id
    where w.owner_id = ${SYSTEM} and w.deleted_at is null and m.workspace_id is null`,
  'a member does not show its latest build': `
    select m.workspace_id
    from pool_members m
    cross join lateral (
      select * from builds b where b.workspace_id = m.workspace_id order by b.number desc limit 1
    ) as latest
    join jobs j on j.id = latest.job_id
    where m.build_number <> latest.number
      or m.transition <> latest.transition
      or m.job_id <> latest.job_id
      or (m.running_since is not null) <> (latest.transition = 'start' and j.status = 'succeeded')`,
  'a workspace was deleted although a build of it may have made something': `
    select w.id
    from workspaces w
    where w.deleted_at is not null
      and exists (
        select from builds b join jobs j on j.id = b.job_id
        where b.workspace_id = w.id and b.transition = 'start' and j.attempt > 0)
      and not exists (
        select from builds b join jobs j on j.id = b.job_id
        where b.workspace_id = w.id and b.transition = 'delete' and j.status = 'succeeded'
          and j.attempt > 0)`,
  'a pool that is not limited has a trial': `
    select pool_id from pool_brakes where limited_at is null and trial_workspace_id is not null`,
};

/** The names of what is violated, with the ids concerned; empty when all is well. */
export async function findViolations(store: TestStore): Promise<readonly string[]> {
  const found: string[] = [];
  for (const [name, sql] of Object.entries(VIOLATIONS)) {
    const rows = await store.sql<Record<string, string>>(sql);
    if (rows.length > 0) {
      found.push(`${name}: ${rows.map((row) => Object.values(row)[0]).join(', ')}`);
    }
  }
  return found;
}
