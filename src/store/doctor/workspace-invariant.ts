// What must hold of workspaces and those who own them, whenever nobody is in the middle of a
// transaction. Tests ask the same after each step of a simulation.
import { PREBUILD_PREFIX } from '../../domain/name/name.ts';
import { IS_BROKEN_FOR_GOOD } from '../live-pool/member.ts';
import { PREBUILDS_USER_ID } from '../system-user.ts';
import { check, REPORT, type Check } from './check.ts';

const SYSTEM = `'${PREBUILDS_USER_ID}'`;

const DROP_MEMBER =
  'Delete its row of pool_members; a workspace that is still unclaimed is deleted with `standby workspace delete`, and its pool makes another.';
const DELETE_IT =
  'Delete the workspace with `standby workspace delete`; its pool makes another one.';

export const WORKSPACE_INVARIANTS: readonly Check[] = [
  check({
    id: 'waiter.name',
    title: 'somebody waits for a workspace with the name of one that they have',
    remedy: `Have one of the two renamed or canceled: \`standby waiter cancel\`. ${REPORT}`,
    sql: `
      select q.id::text
      from waiters q
      join workspaces w on w.owner_id = q.user_id and w.name = q.name and w.deleted_at is null
      where q.ended_at is null
        and q.workspace_id is distinct from w.id`,
  }),
  check({
    id: 'waiter.unproven',
    title: 'somebody waits for the proof of a claim that was settled, or is not theirs',
    remedy:
      'A control plane of before settles claims without those who wait, while versions are mixed: a newer one serves them, or puts them in line again, within a minute. What is found for longer is a fault to be reported.',
    sql: `
      select q.id::text
      from waiters q
      where q.ended_at is null
        and q.workspace_id is not null
        and not exists (
          select
          from claims c
          where c.workspace_id = q.workspace_id
            and c.user_id = q.user_id
            and c.pool_id = q.pool_id
            and c.outcome = 'taken')`,
  }),
  check({
    id: 'waiter.served',
    title: 'a waiter was served with a workspace that was never claimed for it',
    remedy: `Ask its owner what was got. ${REPORT}`,
    sql: `
      select q.id::text
      from waiters q
      where q.outcome = 'served'
        and not exists (
          select
          from claims c
          where c.workspace_id = q.workspace_id
            and c.user_id = q.user_id
            and c.outcome in ('hit', 'failed'))`,
  }),
  check({
    id: 'build.cost',
    title: 'a workspace counts as costing something else than its version says',
    remedy: `Start or stop it, which writes the cost anew; until then its owner's quota is reckoned wrongly. ${REPORT}`,
    sql: `
      select w.id::text
      from workspaces w
      cross join lateral (
        select version_id, job_id, transition, daily_cost
        from builds
        where workspace_id = w.id
        order by number desc
        limit 1
      ) as b
      join jobs j on j.id = b.job_id
      join template_versions v on v.id = b.version_id
      where w.deleted_at is null
        and b.daily_cost <> case
          when b.transition = 'start' then v.daily_cost
          when j.status = 'succeeded' then 0
          else b.daily_cost
        end`,
  }),
  check({
    id: 'claim.twice',
    title: 'a workspace was claimed more than once',
    remedy: `Two people may know its secrets: delete it with its owners. ${REPORT}`,
    sql: `
      select workspace_id::text
      from claims
      where outcome <> 'miss'
      group by workspace_id
      having count(*) > 1`,
  }),
  check({
    id: 'claim.owner',
    title: 'a claimed workspace belongs to somebody else than who claimed it',
    remedy: `Ask both people whose it is. ${REPORT}`,
    sql: `
      select c.workspace_id::text
      from claims c
      join workspaces w on w.id = c.workspace_id and w.epoch = c.epoch
      where c.outcome <> 'miss'
        and w.owner_id <> c.user_id`,
  }),
  check({
    id: 'claim.epoch',
    title: "a claim's epoch is one that its workspace has not come to",
    remedy: `The workspace was restored from an older state than the claim: restore all or nothing. ${REPORT}`,
    sql: `
      select c.workspace_id::text
      from claims c
      join workspaces w on w.id = c.workspace_id
      where c.epoch > w.epoch`,
  }),
  check({
    id: 'claim.unrecorded',
    title: 'a prebuilt workspace has an owner and no claim says how',
    remedy: `Ask its owner; delete the workspace if it was not claimed. ${REPORT}`,
    sql: `
      select w.id::text
      from workspaces w
      where w.origin = 'prebuild'
        and w.owner_id <> ${SYSTEM}
        and not exists (
          select
          from claims c
          where c.workspace_id = w.id
            and c.outcome in ('taken', 'hit', 'failed')
            and c.epoch <= w.epoch)`,
  }),
  check({
    id: 'claim.unsettled',
    title: 'a workspace was taken for somebody an hour ago who was never told of it',
    remedy: `A control plane that runs settles it. ${REPORT}`,
    sql: `
      select workspace_id::text
      from claims
      where outcome = 'taken'
        and at < (select standby_now()) - interval '1 hour'`,
  }),
  check({
    id: 'claim.void',
    title: 'a claim that is void left its workspace with who made it',
    remedy: `Its agents do not answer: delete it with its owner. ${REPORT}`,
    sql: `
      select c.workspace_id::text
      from claims c
      join workspaces w on w.id = c.workspace_id
      where c.outcome = 'void'
        and w.voided_at is null`,
  }),
  check({
    id: 'claim.outcome',
    title: "a claim's outcome is not how its build ended",
    remedy: `It only distorts hit rates. ${REPORT}`,
    sql: `
      select c.workspace_id::text
      from claims c
      where c.outcome <> 'miss'
        and (c.outcome = 'failed') <> exists (
          select
          from builds b
          join jobs j on j.id = b.job_id
          where b.workspace_id = c.workspace_id
            and b.stage = 'claim'
            and j.status = 'failed')`,
  }),
  check({
    id: 'claim.touched',
    title: 'the pool built on a workspace that was claimed',
    remedy: `Its owner may have lost work: tell them. ${REPORT}`,
    sql: `
      select w.id::text
      from builds b
      join workspaces w on w.id = b.workspace_id
      where b.initiator_id = ${SYSTEM}
        and b.number > 1
        and w.owner_id <> ${SYSTEM}`,
  }),
  check({
    id: 'member.gone',
    title: 'a workspace that is claimed or deleted still counts as one of its pool',
    remedy: DROP_MEMBER,
    sql: `
      select m.workspace_id::text
      from pool_members m
      join workspaces w on w.id = m.workspace_id
      where w.owner_id <> ${SYSTEM}
        or w.deleted_at is not null`,
  }),
  check({
    id: 'member.missing',
    title: 'an unclaimed prebuild is not known to its pool',
    remedy: DELETE_IT,
    sql: `
      select w.id::text
      from workspaces w
      where w.owner_id = ${SYSTEM}
        and w.deleted_at is null
        and not exists (select from pool_members m where m.workspace_id = w.id)
        and not exists (select from canaries c where c.workspace_id = w.id)`,
  }),
  check({
    id: 'member.build',
    title: 'a pool takes another build for the latest of a workspace than it has',
    remedy: DELETE_IT,
    sql: `
      select m.workspace_id::text
      from pool_members m
      cross join lateral (
        select * from builds b where b.workspace_id = m.workspace_id order by b.number desc limit 1
      ) as latest
      join jobs j on j.id = latest.job_id
      where m.build_number <> latest.number
        or m.transition <> latest.transition
        or m.job_id <> latest.job_id
        or (m.running_since is not null)
          <> (latest.transition = 'start' and j.status = 'succeeded')`,
  }),
  check({
    id: 'member.origin',
    title: 'a prebuild counts for another pool, preset or version than it was made for',
    remedy: DELETE_IT,
    sql: `
      select m.workspace_id::text
      from pool_members m
      join workspaces w on w.id = m.workspace_id
      join builds b on b.workspace_id = m.workspace_id and b.number = 1
      where m.pool_id <> w.pool_id
        or m.preset_id is distinct from b.preset_id
        or m.version_id <> b.version_id`,
  }),
  check({
    id: 'member.age',
    title: 'a prebuild counts as older or younger than it is',
    remedy: DELETE_IT,
    sql: `
      select m.workspace_id::text
      from pool_members m
      join builds b on b.workspace_id = m.workspace_id and b.number = 1
      join jobs j on j.id = b.job_id
      where j.completed_at is not null
        and j.acquired_at is not null
        and m.born_at is distinct from j.acquired_at`,
  }),
  check({
    id: 'member.readiness',
    title: 'a prebuild is ready, or is not, against what its agents say',
    remedy: `Restarting its agent mends it. ${DELETE_IT}`,
    sql: `
      select m.workspace_id::text
      from pool_members m
      cross join lateral (
        select coalesce(bool_and(a.lifecycle = 'ready'), true) as all_ready,
          min(a.lifecycle) filter (where a.lifecycle in ('start_error', 'start_timeout')) as broken
        from agents a
        where a.workspace_id = m.workspace_id
      ) as said
      where m.running_since is not null
        and (m.ready <> (said.all_ready and m.broken is null)
          or (m.broken is distinct from said.broken and not ${IS_BROKEN_FOR_GOOD}))`,
  }),
  check({
    id: 'workspace.forgotten',
    title: 'a workspace is deleted although a build may have made something and none took it away',
    remedy:
      'Look for what its driver made, by the workspace id, and take it away by hand; its builds and their logs name it.',
    sql: `
      select w.id::text
      from workspaces w
      where w.deleted_at is not null
        and exists (
          select
          from builds b
          join jobs j on j.id = b.job_id
          where b.workspace_id = w.id
            and b.transition = 'start'
            and j.attempt > 0)
        and not exists (
          select
          from builds b
          join jobs j on j.id = b.job_id
          where b.workspace_id = w.id
            and b.transition = 'delete'
            and j.status = 'succeeded'
            and (j.attempt > 0 or b.reason = 'orphan'))`,
  }),
  check({
    id: 'life.due',
    title: 'something of a workspace will fall due by itself and nobody will look at it',
    remedy: `\`update workspaces set due_at = standby_now() where id = …\`: a control plane does what is due then, and knows when to look next. ${REPORT}`,
    // A build that is under way is waited for, and a schedule may have no next time.
    sql: `
      select w.id::text
      from workspaces w
      cross join lateral (
        select b.transition, j.status, j.completed_at
        from builds b
        join jobs j on j.id = b.job_id
        where b.workspace_id = w.id
        order by b.number desc
        limit 1
      ) as latest
      where w.deleted_at is null
        and w.owner_id <> ${SYSTEM}
        and w.due_at is null
        and latest.completed_at is not null
        and (w.lifetime_ends_at is not null
          or (w.autostart_schedule is not null and w.next_start_at is not null)
          or (w.deadline_at is not null and (latest.transition = 'start'
            or (latest.transition = 'stop' and latest.status <> 'succeeded'))))`,
  }),
  check({
    id: 'workspace.name_twice',
    title: 'somebody has two workspaces of one name',
    remedy: 'Delete one of them; then `reindex table workspaces`, whose unique index is broken.',
    sql: `
      select string_agg(id::text, ' and ' order by id)
      from workspaces
      where deleted_at is null
      group by owner_id, name
      having count(*) > 1`,
  }),
  check({
    id: 'workspace.name_reserved',
    title: "a person's workspace is still called as prebuilds are",
    remedy: `The pool's name outlived a claim. ${REPORT}`,
    sql: `
      select id::text
      from workspaces
      where owner_id <> ${SYSTEM}
        and deleted_at is null
        and name like '${PREBUILD_PREFIX}%'`,
  }),
  check({
    id: 'workspace.state_left',
    title: 'a deleted workspace still has states of its tool',
    remedy: 'Its secrets outlived it: delete its rows of workspace_states.',
    sql: `
      select w.id::text
      from workspaces w
      where w.deleted_at is not null
        and exists (select from workspace_states s where s.workspace_id = w.id)`,
  }),
  check({
    id: 'session.stale',
    title: 'an agent is let in for an owner that its workspace has no more',
    remedy:
      "Set ended_at of its row of agent_sessions: until then it may read the former owner's values.",
    sql: `
      select s.id::text
      from agent_sessions s
      join workspaces w on w.id = s.workspace_id
      where s.ended_at is null
        and (s.epoch <> w.epoch or w.deleted_at is not null)`,
  }),
  check({
    id: 'agent.epoch',
    title: 'an agent says that it works for an owner who does not exist yet',
    remedy: `The database was restored to a time before a claim: delete the workspace. ${REPORT}`,
    sql: `
      select a.id::text
      from agents a
      join workspaces w on w.id = a.workspace_id
      where a.applied_epoch > w.epoch`,
  }),
];
