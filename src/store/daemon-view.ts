// Daemons as people see them.
import type { DaemonId, JobId, OrganizationId, ProvisionerKeyId, UserId } from '../base/id.ts';
import { bool, instant, int, json, nullable, text, textArray, uuid, type RowOf } from './column.ts';
import { ifGiven } from './compile-sql.ts';
import { DAEMON_IS_SEEN } from './daemon-seen.ts';
import { statement, takes } from './statement.ts';

const columns = {
  id: uuid<DaemonId>(),
  name: text,
  /** Null: it serves every organization. */
  organization: nullable(text),
  keyId: uuid<ProvisionerKeyId>(),
  keyName: text,
  keyRevoked: bool,
  drivers: textArray,
  tools: json<Readonly<Record<string, string>>>(),
  tags: json<Readonly<Record<string, string>>>(),
  version: text,
  protocolVersion: int,
  machineId: text,
  slots: int,
  registeredAt: instant,
  lastSeenAt: instant,
  isSeen: bool,
  /** How many jobs it holds. */
  held: int,
  /** Those of them that may be seen. */
  jobIds: json<readonly JobId[]>(),
};

export type DaemonRow = RowOf<typeof columns>;

/** Newest first; ids are ordered by time. */
export const listDaemons = statement({
  name: 'daemon.list',
  takes: takes<{
    /** Only what serves this organization; null: any. */
    readonly organizationId: OrganizationId | null;
    /** Only what serves organizations of this user; null: all. */
    readonly asMember: UserId | null;
    /** The id to go on behind; null at the start. */
    readonly before: DaemonId | null;
    readonly limit: number;
  }>(),
  gives: columns,
  sql: `
    with visible as materialized (
      select o.id
      from organizations o
      where true
        ${ifGiven('and o.id = $organizationId::uuid')}
        ${ifGiven(`and exists (
          select
          from memberships m
          where m.organization_id = o.id
            and m.user_id = $asMember::uuid)`)}
    )
    select d.id, d.name, o.name as organization, k.id as key_id, k.name as key_name,
      k.revoked_at is not null as key_revoked, d.drivers, d.tools, d.tags, d.version, d.protocol_version,
      d.machine_id, d.slots, d.registered_at, d.last_seen_at, ${DAEMON_IS_SEEN} as is_seen,
      work.held, work.job_ids
    from daemons d
    join provisioner_keys k on k.id = d.key_id
    left join organizations o on o.id = d.organization_id
    cross join lateral (
      select count(*)::integer as held,
        coalesce(
          jsonb_agg(j.id order by j.acquired_at, j.id)
            filter (where j.organization_id in (select id from visible)),
          '[]') as job_ids
      from jobs j
      where j.daemon_id = d.id
        and j.status in ('running', 'canceling')
    ) as work
    where exists (
        select
        from visible v
        where d.organization_id is null or d.organization_id = v.id)
      ${ifGiven('and d.id < $before::uuid')}
    order by d.id desc
    limit $limit::integer`,
});
