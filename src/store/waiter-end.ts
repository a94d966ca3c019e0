// Ends of waiting without a prebuild: each is recorded as the miss that it began with, and what was kept
// sealed is gone. For whom something was taken that is not proven yet, that is taken back first.
import type { PoolId, UserId, VersionId, WaiterId, WorkspaceId } from '../base/id.ts';
import type { WaitOutcome } from '../domain/waiter/outcome.ts';
import { IS_TAKEN, NOBODY_IS_JUDGED } from './claim-proof.ts';
import { bool, int, uuid } from './column.ts';
import { statement, takes, type NoArgs, type Statement } from './statement.ts';

const ended = { id: uuid<WaiterId>(), poolId: uuid<PoolId>() };

interface End {
  readonly outcome: Exclude<WaitOutcome, 'served'>;
  /** Both of a refusal; null otherwise. */
  readonly errorCode: string | null;
  readonly error: string | null;
}

// The claim's record and the event are the waiter's only ones of their kind, and go by its id.
function endStatement<Args extends End>(
  name: string,
  where: string,
): Statement<Args, typeof ended> {
  return statement({
    name: `waiter.${name}`,
    takes: takes<Args>(),
    gives: ended,
    sql: `
      with chosen as materialized (
        select id
        from waiters q
        where q.ended_at is null
          and q.workspace_id is null
          and ${where}
        order by id
        for update
      ), ended as (
        update waiters q
        set ended_at = (select standby_now()),
          outcome = $outcome,
          error_code = $errorCode::text,
          error = $error::text,
          key_id = null,
          sealed = null
        from chosen
        where q.id = chosen.id
        returning q.id, q.organization_id, q.template_id, q.user_id, q.pool_id, q.miss_reason,
          jsonb_build_object('wait',
            extract(epoch from q.ended_at - q.created_at) * 1000) as stage_ms
      ), recorded as (
        insert into claims
          (id, organization_id, template_id, user_id, pool_id, outcome, reason, stage_ms, at)
        select id, organization_id, template_id, user_id, pool_id, 'miss', miss_reason, stage_ms,
          (select standby_now())
        from ended
      ), told as (
        insert into pool_events (id, pool_id, kind, reason, details, at)
        select id, pool_id, 'missed', miss_reason, jsonb_build_object('waiter', $outcome::text),
          (select standby_now())
        from ended
      ), counted as (
        insert into counter_steps (counter, template_id, preset, labels, amount)
        select 'claims_missed', e.template_id, l.preset_name,
          jsonb_build_object('reason', e.miss_reason), count(*)
        from ended e
        join pools l on l.id = e.pool_id
        group by e.template_id, l.preset_name, e.miss_reason
        union all
        select 'waits_ended', e.template_id, l.preset_name,
          jsonb_build_object('outcome', $outcome::text), count(*)
        from ended e
        join pools l on l.id = e.pool_id
        group by e.template_id, l.preset_name
      )
      select id, pool_id
      from ended`,
  });
}

export const endWaiter = endStatement<End & { readonly id: WaiterId }>('end', 'q.id = $id');

/** Unless its deadline is still to come. */
export const endOverdueWaiter = endStatement<End & { readonly id: WaiterId }>(
  'end_one_overdue',
  'q.id = $id and q.deadline_at <= (select standby_now())',
);

/** As endOverdueWaiter, for the one that keeps a name. */
export const endOverdueName = endStatement<
  End & { readonly userId: UserId; readonly name: string }
>(
  'end_overdue_name',
  'q.user_id = $userId and q.name = $name and q.deadline_at <= (select standby_now())',
);

/** All that wait in the pool's line. */
export const endLine = endStatement<End & { readonly poolId: PoolId }>(
  'end_line',
  'q.pool_id = $poolId',
);

/** All whose deadline has passed. */
export const endOverdueWaiters = endStatement<End>(
  'end_overdue',
  'q.deadline_at <= (select standby_now())',
);

const taking = {
  workspaceId: uuid<WorkspaceId>(),
  epoch: int,
  versionId: uuid<VersionId>(),
  /** A build is to begin with the proof. */
  needsBuild: bool,
};

function takingStatement<Args>(name: string, where: string): Statement<Args, typeof taking> {
  return statement({
    name: `waiter.${name}`,
    takes: takes<Args>(),
    gives: taking,
    sql: `
      select w.id as workspace_id, w.epoch, latest.version_id, c.needs_build
      from waiters q
      join workspaces w on w.id = q.workspace_id
      join claims c on c.workspace_id = w.id and c.epoch = w.epoch and ${IS_TAKEN}
      cross join lateral (
        select b.version_id
        from builds b
        where b.workspace_id = w.id
        order by b.number desc
        limit 1
      ) as latest
      where q.ended_at is null
        and ${where}
      order by q.id`,
  });
}

/** What was taken for the waiter, as long as it is not proven. */
export const findTaking = takingStatement<{ readonly id: WaiterId }>('find_taking', 'q.id = $id');

/** As findTaking, for who has waited with the name, past their deadline. */
export const findOverdueTaking = takingStatement<{
  readonly userId: UserId;
  readonly name: string;
}>(
  'find_overdue_taking',
  'q.user_id = $userId and q.name = $name and q.deadline_at <= (select standby_now())',
);

/** As findTaking, for all whose deadline has passed. */
export const listOverdueTakings = takingStatement<NoArgs>(
  'list_overdue_takings',
  'q.deadline_at <= (select standby_now())',
);

/**
 * As findTaking, for all whose claim is older, and whose deadline is still to come. None while silence must not be
 * judged: they would be handed over without the proof, and may yet be heard of.
 */
export const listLeftTakings = takingStatement<{ readonly afterMs: number }>(
  'list_left_takings',
  `q.deadline_at > (select standby_now())
        and c.at < (select standby_now()) - $afterMs::float8 * interval '1 ms'
        and not ${NOBODY_IS_JUDGED}`,
);

/** Long enough that who asks again with the same key hears what became of it. */
export const KEPT_HOURS = 24;

/** Takes away what became of waiters long ago. */
export const removeOldWaiters = statement({
  name: 'waiter.remove_old',
  takes: takes<{ readonly limit: number }>(),
  gives: {},
  sql: `
    with old as materialized (
      select id
      from waiters
      where ended_at < (select standby_now()) - interval '${KEPT_HOURS} hours'
      order by ended_at
      limit $limit
      for update skip locked
    )
    delete from waiters
    where id = any (array(select id from old))`,
});
