// Provisioner daemons. A daemon's row belongs to the key that registered it first.
import type {
  DaemonId,
  JobId,
  OrganizationId,
  ProvisionerKeyId,
  RegistrationId,
} from '../base/id.ts';
import { bool, int, json, nullable, text, textArray, uuid } from './column.ts';
import { DAEMON_IS_FRESH } from './daemon-seen.ts';
import { statement, takes } from './statement.ts';

/** Said again, because no answer came: whichever is carried out later is no other process. */
const IS_SAME_REGISTRATION = `(daemons.registration_id = excluded.registration_id)`;

/**
 * Gives no row when another key holds the id, unless that one was revoked and served the same: so a
 * daemon goes on under a new key. Every registration raises the incarnation.
 */
export const registerDaemonRow = statement({
  name: 'daemon.register',
  takes: takes<{
    readonly id: DaemonId;
    readonly registrationId: RegistrationId | null;
    readonly keyId: ProvisionerKeyId;
    readonly organizationId: OrganizationId | null;
    readonly name: string;
    readonly machineId: string;
    readonly drivers: readonly string[];
    /** By driver, as JSON. */
    readonly tools: string;
    readonly tags: string;
    readonly slots: number;
    readonly version: string;
    readonly protocolVersion: number;
  }>(),
  gives: { incarnation: int },
  sql: `
    insert into daemons
      (id, registration_id, key_id, organization_id, name, machine_id, drivers, tools, tags, slots,
       version, protocol_version, registered_at, last_seen_at)
    values ($id, $registrationId::uuid, $keyId, $organizationId::uuid, $name, $machineId,
      $drivers::text[], $tools::jsonb, $tags::jsonb, $slots, $version, $protocolVersion, standby_now(), standby_now())
    on conflict (id) do update
    set registration_id = excluded.registration_id,
      key_id = excluded.key_id,
      organization_id = excluded.organization_id,
      name = excluded.name,
      machine_id = excluded.machine_id,
      drivers = excluded.drivers,
      tools = excluded.tools,
      tags = excluded.tags,
      slots = excluded.slots,
      version = excluded.version,
      protocol_version = excluded.protocol_version,
      incarnation = daemons.incarnation + case when ${IS_SAME_REGISTRATION} then 0 else 1 end,
      registered_at = case
        when ${IS_SAME_REGISTRATION} then daemons.registered_at
        else excluded.registered_at
      end,
      last_seen_at = excluded.last_seen_at
    where daemons.key_id = excluded.key_id
      or exists (
        select
        from provisioner_keys former
        where former.id = daemons.key_id
          and former.revoked_at is not null
          and former.organization_id is not distinct from excluded.organization_id)
    returning incarnation`,
});

/** Gives no row when the key has no such daemon. */
export const findDaemon = statement({
  name: 'daemon.find',
  takes: takes<{ readonly id: DaemonId; readonly keyId: ProvisionerKeyId }>(),
  gives: {
    organizationId: nullable(uuid<OrganizationId>()),
    machineId: text,
    drivers: textArray,
    tags: json<Readonly<Record<string, string>>>(),
    protocolVersion: int,
    incarnation: int,
  },
  sql: `
    select organization_id, machine_id, drivers, tags, protocol_version, incarnation
    from daemons
    where id = $id
      and key_id = $keyId`,
});

/**
 * Notes that daemons wait, as far as that was not done lately, and gives those that wait in vain:
 * replaced by a newer process, or with a revoked key. A row that somebody else has locked is passed
 * over, for that is a sign of life as well.
 */
export const noteWaiting = statement({
  name: 'daemon.note_waiting',
  takes: takes<{
    readonly daemonIds: readonly DaemonId[];
    readonly keyIds: readonly ProvisionerKeyId[];
    readonly incarnations: readonly number[];
  }>(),
  gives: { daemonId: uuid<DaemonId>(), incarnation: int, keyRevoked: bool },
  sql: `
    with waiting as materialized (
      select distinct daemon_id, key_id, incarnation
      from unnest($daemonIds::uuid[], $keyIds::uuid[], $incarnations::integer[])
        as w (daemon_id, key_id, incarnation)
    ), due as materialized (
      select d.id
      from waiting w
      join daemons d
        on d.id = w.daemon_id and d.key_id = w.key_id and d.incarnation = w.incarnation
      where not ${DAEMON_IS_FRESH}
      for no key update of d skip locked
    ), noted as (
      update daemons d
      set last_seen_at = (select standby_now())
      from due
      where d.id = due.id
    )
    select w.daemon_id, w.incarnation, k.revoked_at is not null as key_revoked
    from waiting w
    left join provisioner_keys k on k.id = w.key_id
    where k.revoked_at is not null
      or not exists (
        select
        from daemons d
        where d.id = w.daemon_id
          and d.key_id = w.key_id
          and d.incarnation = w.incarnation)`,
});

/** The jobs that this process of a daemon was asked to stop. Uses jobs_active_idx. */
export const listCanceledJobs = statement({
  name: 'job.list_canceled',
  takes: takes<{
    readonly daemonId: DaemonId;
    readonly keyId: ProvisionerKeyId;
    readonly incarnation: number;
    /** Left out. */
    readonly known: readonly JobId[];
  }>(),
  gives: { id: uuid<JobId>(), attempt: int },
  sql: `
    select j.id, j.attempt
    from jobs j
    join daemons d on d.id = j.daemon_id
    where j.daemon_id = $daemonId
      and j.status = 'canceling'
      and d.key_id = $keyId
      and d.incarnation = $incarnation
      and j.id <> all ($known::uuid[])
    order by j.id`,
});

/** The jobs that a daemon holds. */
export const listHeldJobs = statement({
  name: 'job.list_held',
  takes: takes<{ readonly daemonId: DaemonId }>(),
  gives: { id: uuid<JobId>() },
  sql: `
    select id
    from jobs
    where daemon_id = $daemonId
      and status in ('running', 'canceling')
    order by id`,
});
