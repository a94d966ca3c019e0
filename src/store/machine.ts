// The machines that daemons run on.
import type { OrganizationId } from '../base/id.ts';
import { bool, nullable, text } from './column.ts';
import { DAEMON_IS_SEEN } from './daemon-seen.ts';
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

/**
 * Whether a daemon of the machine with the driver has these tags. Where some were seen of late, they alone count: what
 * was is not; and a machine of which no daemon is known may have any.
 */
export const offersTags = statement({
  name: 'machine.offers_tags',
  takes: takes<{
    readonly organizationId: OrganizationId;
    readonly machineId: string;
    readonly driver: string;
    readonly tags: string;
  }>(),
  gives: { offered: bool },
  sql: `
    with there as materialized (
      select d.tags, ${DAEMON_IS_SEEN} as is_seen
      from daemons d
      where d.machine_id = $machineId
        and $driver::text = any (d.drivers)
        and (d.organization_id is null or d.organization_id = $organizationId)
    )
    select coalesce(bool_or($tags::jsonb <@ tags), true) as offered
    from there
    where is_seen
      or not exists (select from there where is_seen)`,
});
