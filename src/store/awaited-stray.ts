// What attempts at a workspace that is gone may still stand for: conditions on `workspaces w` that every
// statement shares which takes away what destroying it would need.

/** For so many days after a workspace's end a daemon may turn up with what an attempt of it has made. */
export const AWAITED_DAYS = 30;

/** What an attempt of it made is known, and not destroyed. */
export const HAS_OPEN_STRAY = `exists (
          select
          from stray_states s
          where s.workspace_id = w.id
            and s.destroyed_at is null)`;

/**
 * An attempt stores its last state before it succeeds: where each that took the state's lock has, no
 * stray can come any more, and nothing is waited for. `offset 0` keeps this a look by key: hashed, it would
 * read all locks and jobs there are.
 */
export const STRAY_MAY_COME = `(
        w.deleted_at >= (select standby_now()) - interval '${AWAITED_DAYS} days'
        and exists (
          select
          from state_locks l
          join jobs j on j.id = l.job_id
          where l.workspace_id = w.id
            and (l.attempt <> j.attempt or j.status <> 'succeeded')
          offset 0))`;
