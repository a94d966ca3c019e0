// Which jobs go to which of the slots that wait: parts of the statements that take jobs (job-acquire.ts).
import { DAEMON_IS_SEEN } from './daemon-seen.ts';
import { storedReports } from './job-finish-lone.ts';
import { unseen } from './unseen.ts';

/** Waiting this long lifts a job by one class. */
const SECONDS_PER_CLASS = 600;

/** As DAEMON_FITS_JOB says it of one daemon; the machine is one of those where somebody waits. */
export const GROUP_FITS_JOB = `(
  j.status = 'pending'
  and (${unseen('$organizationId::uuid')} is null
    or j.organization_id = ${unseen('$organizationId::uuid')})
  and j.driver = any (${unseen('$drivers::text[]')}::text[])
  and j.tags <@ ${unseen('$tags::jsonb')}
  and j.min_protocol_version <= ${unseen('$protocolVersion::integer')}
  and (j.machine_id is null or j.machine_id = any (${unseen('$machineIds::text[]')}::text[])))`;

const SLOT_COUNT = `cardinality(${unseen('$callIds::uuid[]')})`;

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
export const CREATIONS = 4;

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

/** What lives on one machine goes to a slot there, everything else to the first slot that is left. */
const MATCHED = `at_home as materialized (
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

/** Locks so many, and passes over what others have locked. */
const locked = (count: string): string => `
      limit ${count}
      for update of j skip locked`;

const pickedFrom = (candidates: string, isHeldBack: string): string => `
    slots as materialized (
      select daemon_id, key_id, incarnation, machine_id, call_id, place
      from unnest(${unseen('$daemonIds::uuid[]')}, ${unseen('$keyIds::uuid[]')},
        ${unseen('$incarnations::integer[]')}, ${unseen('$machineIds::text[]')},
        ${unseen('$callIds::uuid[]')}) with ordinality
        as s (daemon_id, key_id, incarnation, machine_id, call_id, place)
    ), ${candidates}, picked as materialized (
      select j.id, j.machine_id, ${LIFTED_CLASS} as lifted, j.created_at
      from jobs j
      where not ${isHeldBack}
        and j.ctid = any (array(select at from candidates))
        and j.status = 'pending'
      order by lifted, j.created_at, j.id${locked(SLOT_COUNT)}
    ), ${MATCHED}, holders as materialized (
      select m.job_id, m.place, d.id, d.machine_id, d.incarnation, standby_now() as now, m.call_id
      from matched m
      join daemons d
        on d.id = m.daemon_id and d.key_id = m.key_id and d.incarnation = m.incarnation
      join provisioner_keys k on k.id = d.key_id and k.revoked_at is null
      order by d.id
      for no key update of d
    )`;

const REFUSED = `
    select m.place, k.revoked_at is not null as key_revoked
    from matched m
    left join provisioner_keys k on k.id = m.key_id
    where m.place not in (select place from holders)`;

const MORE_LIKELY = `(
  (select count(*) from picked) = ${SLOT_COUNT}
  or exists (
    select
    from candidates
    where class < ${CREATIONS}
    group by class
    having count(*) = ${SLOT_COUNT} + ${TAKEN_MEANWHILE}))`;

const CREATION_WAITS = `exists (select from candidates where class = ${CREATIONS})`;

/**
 * A way to pick jobs: queries that lock them (`picked`), say which slot gets which, and lock the daemons
 * that still count (`holders`, a row for each job that is handed out).
 *
 * The limit stands in a MATERIALIZED query, which locks exactly so many rows; as `in (select … limit
 * n)` a nested loop may lock more.
 */
export interface Pick {
  readonly queries: string;
  /** Nothing is picked, because something waits that takes another way to pick. */
  readonly isHeldBack: string;
  /** More may fit than could be looked at, or than there were slots for. */
  readonly isMoreLikely: string;
  /** A query of the slots that get nothing because their daemon does not count any more. */
  readonly refused: string;
}

/**
 * For slots of one daemon, which are all alike. While no creation waits and waiting has lifted nothing,
 * the order is that of jobs_pending_idx, and nothing has to be sorted.
 */
const pickedInOrder = (count: string): string => `
    queue as materialized (
      select exists (
          select from jobs j where j.class = ${CREATIONS} and ${GROUP_FITS_JOB})
        or exists (
          select
          from jobs j
          where j.class = ${CREATIONS - 1}
            and j.created_at <= (select standby_now()) - interval '${SECONDS_PER_CLASS} seconds'
            and ${GROUP_FITS_JOB}) as is_mixed
    ), picked as materialized (
      select j.id
      from jobs j
      where not (select is_mixed from queue)
        and ${GROUP_FITS_JOB}
      order by j.class, j.created_at, j.id${locked(count)}
    )`;

/** The daemon, locked where it counts and `condition` is true; `wait` says what a lock of others does. */
const lockedDaemon = (condition: string, wait = ''): string => `
    daemon as materialized (
      select d.id, d.key_id, d.machine_id, d.incarnation, standby_now() as now
      from daemons d
      where d.id = $daemonId
        and d.key_id = $keyId
        and d.incarnation = $incarnation
        and exists (select from provisioner_keys k where k.id = $keyId and k.revoked_at is null)
        and ${condition}
      for no key update of d${wait}
    )`;

/** `matched` has the picked jobs with the places of their slots. */
const holders = (matched: string): string => `
    holders as materialized (
      select m.job_id, m.place, d.id, d.machine_id, d.incarnation, d.now,
        ($callIds::uuid[])[m.place] as call_id
      from (${matched}) as m
      cross join daemon d
    )`;

const IS_MIXED = '(select is_mixed from queue)';

export const FOR_ONE_DAEMON: Pick = {
  queries: `${pickedInOrder(SLOT_COUNT)},${lockedDaemon('exists (select from picked)')},${holders(
    'select id as job_id, row_number() over () as place from picked',
  )}`,
  isHeldBack: IS_MIXED,
  isMoreLikely: `((select count(*) from picked) = ${SLOT_COUNT})`,
  refused: `
    select row_number() over () as place,
      exists (
        select from provisioner_keys k where k.id = $keyId and k.revoked_at is not null) as key_revoked
    from picked
    where not exists (select from daemon)`,
};

/** Only imports are ended this way: the report of a build need not lock its daemon. */
const ANY_IMPORT_RUNS = `exists (
          select
          from jobs j
          where j.id = any (${unseen('$ids::uuid[]')}::uuid[])
            and j.type = 'template_version_import'
            and j.completed_at is null)`;

/**
 * For slots of one daemon that report what became of their jobs: each is handed another one once its report is
 * stored, at the place of the report. Where nothing is stored, the queue is not looked at. A daemon that
 * another control plane has locked is passed over: one that stands still must not hold up the others.
 */
export const AFTER_REPORTS: Pick = {
  queries: `${lockedDaemon(ANY_IMPORT_RUNS, ' skip locked')},${storedReports('daemon')},${pickedInOrder(
    '(select count(*) from finished)',
  )},${holders(`
        select p.job_id, f.place
        from (select id as job_id, row_number() over () as nth from picked) as p
        join (select place, row_number() over (order by place) as nth from finished) as f
          on f.nth = p.nth`)}`,
  isHeldBack: `(exists (select from finished) and ${IS_MIXED})`,
  isMoreLikely: 'false',
  refused: 'select null::integer as place, null::boolean as key_revoked where false',
};

/**
 * For slots of any daemons. The age makes an index order over all classes impossible, but not within
 * one: the first n of all are among the first n of each. To sort all that waits took 9 ms with 2,500
 * jobs. One snapshot sees a row in one place, so they are locked by where they lie, which is cheaper than
 * to find them again by their ids.
 */
export const BEFORE_CREATIONS: Pick = {
  queries: pickedFrom(
    `candidates as materialized (${firstOfClasses(CREATIONS)}
    )`,
    CREATION_WAITS,
  ),
  isHeldBack: CREATION_WAITS,
  isMoreLikely: MORE_LIKELY,
  refused: REFUSED,
};

/**
 * The same with creations, as many of each organization as may run beside those that do. What runs is counted once for
 * all of them, and an index has what waits of each: a plan that was made while there were few jobs would read all that
 * an organization ever had.
 */
export const WITH_CREATIONS: Pick = {
  queries: pickedFrom(
    `running as materialized (
      select j.organization_id, count(*) as jobs
      from jobs j
      where j.class = ${CREATIONS}
        and j.status in ('running', 'canceling')
      group by j.organization_id
    ), budgets as materialized (
      select o.id as organization_id,
        coalesce(${unseen('$maxCreations::integer')}, greatest(1, (
          select coalesce(sum(d.slots), 0)::integer - 1
          from daemons d
          where (d.organization_id is null or d.organization_id = o.id)
            and ${DAEMON_IS_SEEN})))
        - coalesce((select r.jobs from running r where r.organization_id = o.id), 0) as free
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
    'false',
  ),
  isHeldBack: 'false',
  isMoreLikely: MORE_LIKELY,
  refused: REFUSED,
};
