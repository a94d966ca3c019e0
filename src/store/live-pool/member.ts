// The rows of pool_members as builds end. Together with its neighbours in this folder, and with what agents say of
// themselves (../sign-of-life.ts), the only writer of that table: a change here goes with one of workspaces, builds or
// agents in the same transaction.
import type { PoolId, WorkspaceId } from '../../base/id.ts';
import { CLAIM_FORGOTTEN, DIED, GONE, RESTORED, UNANSWERED } from '../../domain/pool/member.ts';
import { uuid } from '../column.ts';
import { DAEMON_HAS_WORKSPACE, DAEMON_REPORTS, type ReportingDaemon } from '../reporting-daemon.ts';
import { statement, takes } from '../statement.ts';
import { unseen } from '../unseen.ts';

const memberColumns = { workspaceId: uuid<WorkspaceId>(), poolId: uuid<PoolId>() };

/** Locks those of the workspaces that are members, always in one order. */
export const lockMembers = statement({
  name: 'pool_member.lock',
  takes: takes<{ readonly workspaceIds: readonly WorkspaceId[] }>(),
  gives: memberColumns,
  sql: `
    select workspace_id, pool_id
    from pool_members
    where workspace_id = any (${unseen('$workspaceIds::uuid[]')}::uuid[])
    order by workspace_id
    for update`,
});

export const removeMember = statement({
  name: 'pool_member.remove',
  takes: takes<{ readonly workspaceId: WorkspaceId }>(),
  gives: {},
  sql: `
    delete from pool_members
    where workspace_id = $workspaceId`,
});

/** On `pool_members m`: it is broken in a way that nothing an agent says takes back. */
export const IS_BROKEN_FOR_GOOD = `coalesce(
  m.broken in ('${GONE}', '${DIED}', '${CLAIM_FORGOTTEN}', '${RESTORED}', '${UNANSWERED}'), false)`;

/** Breaks `pool_members m` for good: it can never be ready again, so the pool replaces it. */
const breakFor = (why: string): string => `
    set broken = ${why},
      ready = false,
      unready_since = coalesce(m.unready_since, (select standby_now()))`;

const MAY_BREAK = `(
  m.running_since is not null
  and not ${IS_BROKEN_FOR_GOOD})`;

/**
 * Their processes are gone, says the daemon on whose machine they should run. Of what it built since it
 * was started it would have seen the machine go: those died by themselves.
 */
export const markMembersGone = statement({
  name: 'pool_member.mark_gone',
  takes: takes<ReportingDaemon & { readonly workspaceIds: readonly WorkspaceId[] }>(),
  gives: memberColumns,
  sql: `
    update pool_members m
    ${breakFor(`case when m.running_since >= d.registered_at then '${DIED}' else '${GONE}' end`)}
    from workspaces w, daemons d
    where m.workspace_id = any ($workspaceIds::uuid[])
      and w.id = m.workspace_id
      and ${DAEMON_REPORTS}
      and ${DAEMON_HAS_WORKSPACE}
      and ${MAY_BREAK}
    returning m.workspace_id, m.pool_id`,
});

/** It has served an owner whom the database does not know, says its agent. */
export const markClaimForgotten = statement({
  name: 'pool_member.mark_claim_forgotten',
  takes: takes<{ readonly workspaceId: WorkspaceId }>(),
  gives: memberColumns,
  sql: `
    update pool_members m
    ${breakFor(`'${CLAIM_FORGOTTEN}'`)}
    where m.workspace_id = $workspaceId
      and ${MAY_BREAK}
    returning m.workspace_id, m.pool_id`,
});

/** Takes a workspace back that was claimed in vain: its pool has it again, broken for good, to delete it. */
export const takeBackVoided = statement({
  name: 'pool_member.take_back_voided',
  takes: takes<{ readonly workspaceId: WorkspaceId }>(),
  gives: {},
  sql: `
    insert into pool_members
      (workspace_id, pool_id, preset_id, version_id, build_number, transition, job_id, born_at,
       running_since, unready_since, broken)
    select w.id, w.pool_id, latest.preset_id, latest.version_id, latest.number, latest.transition,
      latest.job_id, born.acquired_at, j.completed_at, w.voided_at, '${UNANSWERED}'
    from workspaces w
    join builds first on first.workspace_id = w.id and first.number = 1
    join jobs born on born.id = first.job_id
    cross join lateral (
      select b.number, b.transition, b.job_id, b.preset_id, b.version_id
      from builds b
      where b.workspace_id = w.id
      order by b.number desc
      limit 1
    ) as latest
    join jobs j on j.id = latest.job_id
    where w.id = $workspaceId
      and w.voided_at is not null`,
});
