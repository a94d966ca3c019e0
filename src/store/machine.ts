// The machines that daemons run on.
import type { OrganizationId, VersionId } from '../base/id.ts';
import type { OutdatedDaemon } from '../domain/job/protocol.ts';
import { bool, int, json, nullable, text } from './column.ts';
import { DAEMON_IS_SEEN } from './daemon-seen.ts';
import { protocolVersionOf } from './job-fit.ts';
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
 * What daemons of the machine are to a version of a template. Where some with its driver were seen of late, they alone
 * count: what was is not; and a machine of which no daemon is known may have any.
 */
export const findMachineFit = statement({
  name: 'machine.find_fit',
  takes: takes<{
    readonly organizationId: OrganizationId;
    readonly machineId: string;
    readonly versionId: VersionId;
  }>(),
  gives: {
    /** One has all of the tags and is new enough. */
    fits: bool,
    minProtocolVersion: int,
    /** Those that have all of the tags and are too old. */
    outdatedDaemons: json<readonly OutdatedDaemon[]>(),
  },
  sql: `
    with wanted as materialized (
      select v.manifest ->> 'driver' as driver, v.manifest -> 'tags' as tags,
        ${protocolVersionOf('v.manifest')} as protocol_version
      from template_versions v
      where v.id = $versionId
    ), there as materialized (
      select d.id, d.name, d.protocol_version, w.tags <@ d.tags as has_tags,
        w.protocol_version <= d.protocol_version as is_new_enough, ${DAEMON_IS_SEEN} as is_seen
      from wanted w
      join daemons d on w.driver = any (d.drivers)
      where d.machine_id = $machineId
        and (d.organization_id is null or d.organization_id = $organizationId)
    )
    select coalesce(bool_or(t.has_tags and t.is_new_enough), true) as fits,
      w.protocol_version as min_protocol_version,
      coalesce(
        jsonb_agg(
          jsonb_build_object('name', t.name, 'protocolVersion', t.protocol_version)
          order by t.name, t.id) filter (where t.has_tags and not t.is_new_enough),
        '[]') as outdated_daemons
    from wanted w
    left join there t on t.is_seen or not exists (select from there where is_seen)
    group by w.protocol_version`,
});
