// Which build of a workspace has made what there is: a text of SQL that every statement shares which has to know.

/**
 * The id of the latest build that made something of what there is. Where a state says what there is, that is the one
 * that wrote the state, or one since that succeeded: others have failed before they changed anything. Where there is
 * no state, it is the latest that a daemon has begun. `workspace` gives its id in SQL.
 */
export const latestEffectiveBuild = (workspace: string): string => `(
      select b.id
      from builds b
      join jobs j on j.id = b.job_id
      left join (
        select l.job_id
        from workspace_states s
        join state_locks l on l.workspace_id = s.workspace_id and l.number = s.lock_number
        where s.workspace_id = ${workspace}
        order by s.number desc
        limit 1
      ) as state on true
      where b.workspace_id = ${workspace}
        and j.attempt > 0
        and (state.job_id is null or state.job_id = b.job_id or j.status = 'succeeded')
      order by b.number desc
      limit 1)`;
