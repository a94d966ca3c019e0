// The machines that daemons run on.
import { bool, nullable, text } from './column.ts';
import { statement, takes } from './statement.ts';

/** Whether a daemon of the machine was seen within the last minute, and what its daemons are called. */
export const findMachine = statement({
  name: 'machine.find',
  takes: takes<{ readonly machineId: string }>(),
  gives: { isSeen: bool, daemons: nullable(text) },
  sql: `
    select coalesce(bool_or(last_seen_at >= (select standby_now()) - interval '1 minute'), false)
        as is_seen,
      string_agg(distinct name, ', ' order by name) as daemons
    from daemons
    where machine_id = $machineId`,
});
