// Provisioner daemons. A daemon's row belongs to the key that registered it first.
import type { DaemonId, JobId, OrganizationId, ProvisionerKeyId } from '../base/id.ts';
import { int, nullable, text, textArray, uuid } from './column.ts';
import { statement, takes } from './statement.ts';

/**
 * Gives no row when another key holds the id, unless that one was revoked and served the same: so a
 * daemon goes on under a new key. Every registration raises the incarnation.
 */
export const registerDaemonRow = statement({
  name: 'daemon.register',
  takes: takes<{
    readonly id: DaemonId;
    readonly keyId: ProvisionerKeyId;
    readonly organizationId: OrganizationId | null;
    readonly name: string;
    readonly machineId: string;
    readonly drivers: readonly string[];
    readonly tags: string;
    readonly slots: number;
    readonly version: string;
    readonly protocolVersion: number;
  }>(),
  gives: { incarnation: int },
  sql: `
    insert into daemons
      (id, key_id, organization_id, name, machine_id, drivers, tags, slots, version,
       protocol_version, registered_at, last_seen_at)
    values ($id, $keyId, $organizationId::uuid, $name, $machineId, $drivers::text[], $tags::jsonb,
      $slots, $version, $protocolVersion, standby_now(), standby_now())
    on conflict (id) do update
    set key_id = excluded.key_id,
      organization_id = excluded.organization_id,
      name = excluded.name,
      machine_id = excluded.machine_id,
      drivers = excluded.drivers,
      tags = excluded.tags,
      slots = excluded.slots,
      version = excluded.version,
      protocol_version = excluded.protocol_version,
      incarnation = daemons.incarnation + 1,
      registered_at = excluded.registered_at,
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
    incarnation: int,
  },
  sql: `
    select organization_id, machine_id, drivers, incarnation
    from daemons
    where id = $id
      and key_id = $keyId`,
});

/** The jobs that a daemon holds. */
export const listHeldJobs = statement({
  name: 'job.list_held',
  takes: takes<{ readonly daemonId: DaemonId }>(),
  gives: { id: uuid<JobId>(), attempt: int },
  sql: `
    select id, attempt
    from jobs
    where daemon_id = $daemonId
      and status in ('running', 'canceling')
    order by id`,
});
