// Rows that remember when signs of life were last looked at, so that time in which they could not be
// stored (nobody looked: database or control planes away) counts against nobody.
import { bool } from './column.ts';
import { statement, takes } from './statement.ts';

/**
 * Notes a look. When the former one is more than two intervals ago, one at least was missed: judging
 * then waits for one full timeout, in which whoever lives shows it. `judging` tells whether silence
 * may be judged now. Any number of processes keep one watch together.
 */
export const keepWatch = statement({
  name: 'watch.keep',
  takes: takes<{
    readonly name: string;
    readonly intervalMs: number;
    /** The silence after which somebody is taken for dead. */
    readonly timeoutMs: number;
  }>(),
  gives: { judging: bool },
  sql: `
    with clock as materialized (
      select standby_now() as now,
        make_interval(secs => 2 * $intervalMs::float8 / 1000) as longest_gap,
        make_interval(secs => $timeoutMs::float8 / 1000) as timeout
    )
    insert into watches as w (name, last_at, judging_from)
    select $name, now, now + timeout
    from clock
    on conflict (name) do update
    set last_at = greatest(w.last_at, excluded.last_at),
      judging_from = case
        when excluded.last_at - w.last_at > (select longest_gap from clock)
          then excluded.judging_from
        else w.judging_from
      end
    returning w.last_at >= w.judging_from as judging`,
});
