// Which of the regular chores have nothing to do, as nearly always: one statement tells it in place of those of
// each of them. It may take a chore for due that finds nothing then, never the other way round.
import { textArray } from './column.ts';
import { CUTOFF, POOL_EVENT_CUTOFF } from './history.ts';
import { FROM_REHEARSABLE } from './rehearsal.ts';
import { statement, takes } from './statement.ts';
import { FROM_OUTGROWN } from './statistics.ts';
import { KEPT_HOURS } from './waiter-end.ts';

/** The names of the chores whose conditions do not hold. */
function idleOf(due: Readonly<Record<string, string>>): string {
  const names = Object.entries(due).map(
    ([name, condition]) => `case when (${condition}) is not true then '${name}' end`,
  );
  return `
    select array_remove(array[
      ${names.join(',\n      ')}]::text[], null) as idle`;
}

// Of what may be much, the oldest, which an index has first: where nothing is old enough, a look for anything
// that is might read all there is.

/** Of the pruner's chores. */
export const findIdlePruning = statement({
  name: 'chore.find_idle_pruning',
  takes: takes<{ readonly logRetentionMs: number; readonly retentionMs: number }>(),
  gives: { idle: textArray },
  sql: idleOf({
    logs: `(select min(completed_at) from jobs
          where completed_at is not null and log_pruned_at is null)
        < (select standby_now()) - make_interval(secs => $logRetentionMs::float8 / 1000)`,
    idempotency_keys: `(select min(created_at) from idempotency_keys)
        <= (select standby_now()) - interval '24 hours'`,
    waiters: `(select min(ended_at) from waiters where ended_at is not null)
        < (select standby_now()) - interval '${KEPT_HOURS} hours'`,
    announcements: `(select min(delivered_at) from announcements where delivered_at is not null)
        < ${CUTOFF}`,
    history: `
        (select min(deleted_at) from workspaces where deleted_at is not null) < ${CUTOFF}
        or (select min(completed_at) from jobs
          where type in ('rehearsal', 'stray_cleanup') and completed_at is not null) < ${CUTOFF}
        or (select min(at) from claims where workspace_id is null) < ${CUTOFF}`,
    // By the clock of who wrote it, which may have been behind.
    pool_events: `(select id from pool_events order by id limit 1) < ${POOL_EVENT_CUTOFF}`,
    statistics: `exists (select ${FROM_OUTGROWN})`,
  }),
});

/** Of those of the reaper's for which there is nothing at all most of the time. */
export const findIdleReaping = statement({
  name: 'chore.find_idle_reaping',
  takes: takes<{ readonly drivers: readonly string[] }>(),
  gives: { idle: textArray },
  sql: idleOf({
    overruns: `exists (select from jobs where status in ('running', 'canceling'))`,
    strays: 'exists (select from stray_states)',
    canaries: `
        exists (select from canaries)
        or exists (select from rehearsals where outcome is null)`,
    rehearsals: `exists (select ${FROM_REHEARSABLE})`,
    secrets: 'exists (select from secret_parameters)',
    owner_values: 'exists (select from owner_values)',
    keys: 'exists (select from data_keys where retired_at is not null)',
  }),
});
