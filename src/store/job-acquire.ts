// Handing jobs to daemons that wait, in one statement.
import type {
  AcquireCallId,
  DaemonId,
  JobId,
  OrganizationId,
  ProvisionerKeyId,
  SecretParametersId,
  UserId,
  VersionId,
  WorkspaceId,
} from '../base/id.ts';
import type { JobType, Stage, Transition } from '../domain/job/job.ts';
import { CREATIONS_LOCK } from './advisory-lock.ts';
import { bool, jsonText, text, uuid } from './column.ts';
import { DAEMON_IS_FRESH, DAEMON_IS_SEEN } from './daemon-seen.ts';
import { statement, takes } from './statement.ts';
import { unseen } from './unseen.ts';

/** Waiting this long lifts a job by one class. */
const SECONDS_PER_CLASS = 600;

export interface TakenJob {
  readonly id: JobId;
  readonly attempt: number;
  readonly type: JobType;
  readonly driver: string;
  readonly organizationId: OrganizationId;
  readonly template: string;
  readonly versionId: VersionId;
  /** 1 claims, 2 people, 3 pool deletes, 4 creations; as it was queued. */
  readonly class: number;
  /** From being queued to being taken. */
  readonly waitedMs: number;
  /** In hex. */
  readonly fileHash: string;
  readonly manifest: unknown;
  /** Null for a job that is not a workspace's build. */
  readonly build: TakenBuild | null;
}

export interface TakenBuild {
  readonly workspaceId: WorkspaceId;
  readonly name: string;
  readonly organization: string;
  readonly ownerId: UserId;
  readonly username: string;
  readonly displayName: string;
  readonly email: string | null;
  readonly ownerIsSystem: boolean;
  readonly epoch: number;
  readonly transition: Transition;
  readonly stage: Stage;
  readonly number: number;
  readonly parameters: Readonly<Record<string, string>>;
  readonly secretParametersId: SecretParametersId | null;
}

/** What a group of daemons that wait for the same kind of work have in common. */
export interface SharedOffer {
  /** Null: every organization's. */
  readonly organizationId: OrganizationId | null;
  readonly drivers: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  readonly protocolVersion: number;
}

/** One slot of a daemon that waits. */
export interface WaitingSlot {
  readonly daemonId: DaemonId;
  readonly keyId: ProvisionerKeyId;
  readonly incarnation: number;
  readonly machineId: string;
  readonly callId: AcquireCallId;
}

export interface HandedJob {
  /** Which of the waiting slots, counted from 1. */
  readonly place: number;
  /** Null: the slot's daemon was replaced, or its key was revoked, and it gets nothing. */
  readonly job: TakenJob | null;
  readonly keyRevoked: boolean;
}

interface FitArgs {
  readonly organizationId: OrganizationId | null;
  readonly drivers: readonly string[];
  readonly tags: string;
  readonly protocolVersion: number;
  readonly machineIds: readonly string[];
}

interface TakeArgs extends FitArgs {
  readonly daemonIds: readonly DaemonId[];
  readonly keyIds: readonly ProvisionerKeyId[];
  readonly incarnations: readonly number[];
  readonly callIds: readonly AcquireCallId[];
  readonly machineBoundDrivers: readonly string[];
}

interface TakeCreationsArgs extends TakeArgs {
  /** Whose creations are locked. */
  readonly creationsOf: readonly OrganizationId[];
  /** Creations that may run at once per organization; null: all slots but one. */
  readonly maxCreations: number | null;
}

// As DAEMON_FITS_JOB says it of one daemon; the machine is one of those where somebody waits.
const GROUP_FITS_JOB = `(
  j.status = 'pending'
  and (${unseen('$organizationId::uuid')} is null
    or j.organization_id = ${unseen('$organizationId::uuid')})
  and j.driver = any (${unseen('$drivers::text[]')}::text[])
  and j.tags <@ ${unseen('$tags::jsonb')}
  and j.min_protocol_version <= ${unseen('$protocolVersion::integer')}
  and (j.machine_id is null or j.machine_id = any (${unseen('$machineIds::text[]')}::text[])))`;

const SLOT_COUNT = `cardinality(${unseen('$daemonIds::uuid[]')})`;

/** The class that a job has come to by waiting; claims are a class that nothing is lifted into. */
const LIFTED_CLASS = `
  case
    when j.class = 1 then 1
    else greatest(2, j.class - floor(
      date_part('epoch', (select standby_now()) - j.created_at) / ${SECONDS_PER_CLASS}))
  end`;

/**
 * So many more of a class are looked at than are wanted, because others may be taking the first ones;
 * when even these are all gone, the look is made again.
 */
const TAKEN_MEANWHILE = 20;

/** Creations for pools, and rehearsals: what must not starve people. */
const CREATIONS = 4;

/** The first of each class, which jobs_pending_idx has in order. */
const firstOfClasses = (lowest: number): string => `
      select c.at, c.class
      from generate_series(1, ${lowest}) as k (class)
      cross join lateral (
        select j.ctid as at, j.class
        from jobs j
        where j.class = k.class
          and ${GROUP_FITS_JOB}
        order by j.created_at, j.id
        limit ${SLOT_COUNT} + ${TAKEN_MEANWHILE}
      ) as c`;

const CREATION_WAITS = `exists (select from candidates where class = ${CREATIONS})`;

/** Nothing is taken while a creation waits: it has to be locked first. */
const BEFORE_CREATIONS = {
  candidates: `candidates as materialized (${firstOfClasses(CREATIONS)}
    )`,
  creationsWait: CREATION_WAITS,
};

const WITH_CREATIONS = {
  candidates: `budgets as materialized (
      select o.id as organization_id,
        coalesce(${unseen('$maxCreations::integer')}, greatest(1, (
          select coalesce(sum(d.slots), 0)::integer - 1
          from daemons d
          where (d.organization_id is null or d.organization_id = o.id)
            and ${DAEMON_IS_SEEN})))
        - (
          select count(*)
          from jobs j
          where j.organization_id = o.id
            and j.class = ${CREATIONS}
            and j.status in ('running', 'canceling')) as free
      from unnest(${unseen('$creationsOf::uuid[]')}) as o (id)
    ), candidates as materialized (${firstOfClasses(CREATIONS - 1)}
      union all
      select c.at, c.class
      from budgets b
      cross join lateral (
        select j.ctid as at, j.class
        from jobs j
        where j.class = ${CREATIONS}
          and j.organization_id = b.organization_id
          and ${GROUP_FITS_JOB}
        order by j.created_at, j.id
        limit greatest(b.free, 0)
      ) as c
    )`,
  creationsWait: 'false',
};

/** Where all slots are on one machine, every job that fits is at home with any of them. */
const ON_ONE_MACHINE = `matched as materialized (
      select j.id as job_id, s.place, s.daemon_id, s.key_id, s.incarnation, s.call_id
      from (
        select id, row_number() over (order by lifted, created_at, id) as nth
        from picked
      ) as j
      join slots s on s.place = j.nth
    )`;

const ON_SEVERAL_MACHINES = `at_home as materialized (
      select j.id as job_id, s.place
      from (
        select id, machine_id,
          row_number() over (partition by machine_id order by lifted, created_at, id) as nth_there
        from picked
        where machine_id is not null
      ) as j
      join (
        select place, machine_id,
          row_number() over (partition by machine_id order by place) as nth_there
        from slots
      ) as s on s.machine_id = j.machine_id and s.nth_there = j.nth_there
    ), matched as materialized (
      select m.job_id, s.place, s.daemon_id, s.key_id, s.incarnation, s.call_id
      from (
        select job_id, place
        from at_home
        union all
        select j.id, s.place
        from (
          select id, row_number() over (order by lifted, created_at, id) as nth
          from picked
          where machine_id is null
        ) as j
        join (
          select place, row_number() over (order by place) as nth
          from slots
          where place not in (select place from at_home)
        ) as s on s.nth = j.nth
      ) as m
      join slots s on s.place = m.place
    )`;

const taken = {
  /** More may fit than could be looked at, or than there were slots for. */
  isMoreLikely: bool,
  /** Creations fit and are not locked. */
  creationsWait: bool,
  handed: jsonText<readonly HandedJob[]>(),
};

/**
 * Hands the first jobs that fit to slots that wait, as many as there are of either: oldest of the
 * most urgent class first; waiting lifts a job, but never among the claims. What lives on one machine
 * goes to a slot there, everything else to the first slot that is left.
 *
 * A daemon is locked before it gets a job: registration and handing out take turns, so that a process
 * that was replaced gets nothing afterwards. Lock order: pending jobs, which nobody is waited for,
 * then daemons by id.
 *
 * The limit stands in a MATERIALIZED query, which locks exactly so many rows; as `in (select … limit
 * n)` a nested loop may lock more. The age makes an index order over all classes impossible, but not
 * within one: the first n of all are among the first n of each. To sort all that waits took 9 ms with
 * 2,500 jobs. One snapshot sees a row in one place, so they are locked by where they lie, which is
 * cheaper than to find them again by their ids. A look that finds nothing writes nothing.
 *
 * The plan must be one that is kept: to make it takes 1.5 ms, and to run it less than 1. Most of that is
 * for the parts that the plan has, however few rows pass through them: so there are several of them.
 */
const takeSql = (
  { candidates, creationsWait }: Readonly<Record<'candidates' | 'creationsWait', string>>,
  matched: string,
): string => `
    with slots as materialized (
      select daemon_id, key_id, incarnation, machine_id, call_id, place
      from unnest(${unseen('$daemonIds::uuid[]')}, ${unseen('$keyIds::uuid[]')},
        ${unseen('$incarnations::integer[]')}, ${unseen('$machineIds::text[]')},
        ${unseen('$callIds::uuid[]')}) with ordinality
        as s (daemon_id, key_id, incarnation, machine_id, call_id, place)
    ), ${candidates}, picked as materialized (
      select j.id, j.machine_id, ${LIFTED_CLASS} as lifted, j.created_at
      from jobs j
      where not ${creationsWait}
        and j.ctid = any (array(select at from candidates))
        and j.status = 'pending'
      order by lifted, j.created_at, j.id
      limit ${SLOT_COUNT}
      for update of j skip locked
    ), ${matched}, daemon as materialized (
      select m.job_id, m.place, d.id, d.machine_id, d.incarnation, m.call_id
      from matched m
      join daemons d
        on d.id = m.daemon_id and d.key_id = m.key_id and d.incarnation = m.incarnation
      join provisioner_keys k on k.id = d.key_id and k.revoked_at is null
      order by d.id
      for no key update of d
    ), noted as (
      update daemons d
      set last_seen_at = (select standby_now())
      where d.id in (select id from daemon)
        and not ${DAEMON_IS_FRESH}
    ), taken as (
      update jobs j
      set attempt = j.attempt + 1,
        acquired_at = (select standby_now()),
        heartbeat_at = (select standby_now()),
        daemon_id = d.id,
        taken_by_call = d.call_id,
        taken_by_incarnation = d.incarnation,
        machine_id = case
          when j.type = 'workspace_build' and j.driver = any ($machineBoundDrivers::text[])
            then d.machine_id
          else j.machine_id
        end
      from daemon d
      where j.id = d.job_id
      returning d.place, j.id, j.attempt, j.type, j.driver, j.organization_id, j.class,
        extract(epoch from j.acquired_at - j.created_at) * 1000 as waited_ms
    ), handed as (
      select m.place,
        k.revoked_at is not null as key_revoked,
        case when taken.id is not null then json_build_object(
          'id', taken.id,
          'attempt', taken.attempt,
          'type', taken.type,
          'driver', taken.driver,
          'organizationId', taken.organization_id,
          'class', taken.class,
          'waitedMs', taken.waited_ms,
          'template', t.name,
          'versionId', v.id,
          'fileHash', encode(v.file_hash, 'hex'),
          'manifest', v.manifest,
          'build', case when b.id is not null then json_build_object(
            'workspaceId', w.id,
            'name', w.name,
            'organization', o.name,
            'ownerId', u.id,
            'username', u.username,
            'displayName', u.display_name,
            'email', u.email,
            'ownerIsSystem', u.is_system,
            'epoch', w.epoch,
            'transition', b.transition,
            'stage', b.stage,
            'number', b.number,
            'parameters', b.parameters,
            'secretParametersId', b.secret_parameters_id) end) end as job
      from matched m
      left join provisioner_keys k on k.id = m.key_id
      left join taken on taken.place = m.place
      left join organizations o on o.id = taken.organization_id
      left join builds b on b.job_id = taken.id
      left join workspaces w on w.id = b.workspace_id
      left join users u on u.id = w.owner_id
      left join template_versions v
        on v.id = b.version_id or (b.id is null and v.import_job_id = taken.id)
      left join templates t on t.id = v.template_id
    )
    select (select count(*) from picked) = ${SLOT_COUNT}
        or exists (
          select
          from candidates
          where class < ${CREATIONS}
          group by class
          having count(*) = ${SLOT_COUNT} + ${TAKEN_MEANWHILE}) as is_more_likely,
      ${creationsWait} as creations_wait,
      coalesce((
        select json_agg(json_build_object(
          'place', place, 'job', job, 'keyRevoked', key_revoked))
        from handed), '[]'::json) as handed`;

/** For slots on one machine; takes nothing while a creation waits. */
export const takeJobsHere = statement({
  name: 'job.take_here',
  takes: takes<TakeArgs>(),
  gives: taken,
  sql: takeSql(BEFORE_CREATIONS, ON_ONE_MACHINE),
});

/** For slots on any machines; takes nothing while a creation waits. */
export const takeJobs = statement({
  name: 'job.take',
  takes: takes<TakeArgs>(),
  gives: taken,
  sql: takeSql(BEFORE_CREATIONS, ON_SEVERAL_MACHINES),
});

/** The same with the creations that lockCreations has locked. */
export const takeJobsAndCreations = statement({
  name: 'job.take_creations',
  takes: takes<TakeCreationsArgs>(),
  gives: taken,
  sql: takeSql(WITH_CREATIONS, ON_SEVERAL_MACHINES),
});

/** Whether there is anything to hand out: a tenth of the work of finding out what. */
export const anyJobFits = statement({
  name: 'job.any_fits',
  takes: takes<FitArgs>(),
  gives: { fits: bool },
  sql: `
    select exists (
      select
      from jobs j
      where ${GROUP_FITS_JOB}) as fits`,
});

/**
 * Makes handing out creations take turns, organization by organization, until the end of the
 * transaction, and gives the organizations. The count of those that run is read by a later statement:
 * one that waited for a lock sees the world of before.
 */
export const lockCreations = statement({
  name: 'job.lock_creations',
  takes: takes<FitArgs>(),
  gives: { organizationId: uuid<OrganizationId>(), locked: text },
  sql: `
    select o.id as organization_id,
      pg_advisory_xact_lock(${CREATIONS_LOCK}, hashtext(o.id::text))::text as locked
    from (
      select distinct j.organization_id as id
      from jobs j
      where j.class = ${CREATIONS}
        and ${GROUP_FITS_JOB}
      order by id
    ) as o`,
});
