// What a pool may do and has done, so that a look can tell what it did since the former one.
import type { TestStore } from '../store.ts';
import {
  compareWaiters,
  countWaiting,
  findFirstInLine,
  READ_WAITERS,
  type WaiterFacts,
} from './waiting.ts';

export interface Facts {
  readonly pools: readonly PoolFacts[];
  /** Creations that daemons have. */
  readonly building: number;
  readonly waiters: readonly WaiterFacts[];
}

interface PoolFacts {
  readonly id: string;
  readonly desired: number;
  /** As many as those who wait may have it keep. */
  readonly ceiling: number;
  readonly paused: boolean;
  readonly mayCreate: boolean;
  /** Since when it is limited; null: it is not. */
  readonly limitedAt: string | null;
  /** When the next trial may begin, if none is under way. */
  readonly trialAt: string | null;
  readonly isTrialDue: boolean;
  /** First starts, ever. */
  readonly created: number;
  /** Of these, what is not of the active version. */
  readonly createdOld: number;
  /** Builds of the pool's own, ever. */
  readonly written: number;
  readonly living: number;
  readonly version: string;
  readonly isDeprecated: boolean;
  /** Null: never. */
  readonly invalidatedAt: string | null;
  /** Given away, ever. */
  readonly claimed: number;
  /** The names of those who asked and got one of these without waiting. */
  readonly servedAtOnce: readonly string[];
  /** Of these, what is not of the active version, and what was born before the invalidation. */
  readonly claimedOld: number;
  readonly claimedExpired: number;
  /** As many of the newest ends of first builds as limit the pool, if all of them are failures. */
  readonly failures: string | null;
  /** None of these is forgiven. */
  readonly isFailing: boolean;
  /** Limits that opened by themselves, ever. */
  readonly healed: number;
}

/** As many failures limit a pool, unless something else is configured. */
const HARD_LIMIT = 3;

const POOLS = `
  select l.id, coalesce(l.size_override, p.desired_instances) as desired,
    coalesce(p.max_instances, 0) as ceiling,
    l.paused or coalesce((select (value ->> 'reconciliation_paused')::boolean from settings
      where name = 'prebuilds'),
      false) as paused,
    t.deprecated = '' and t.deleted_at is null and p.status = 'healthy' as "mayCreate",
    k.limited_at::text as "limitedAt",
    case when k.trial_workspace_id is null then k.trial_at::text end as "trialAt",
    coalesce(k.trial_at <= standby_now(), false) as "isTrialDue",
    made.created, made."createdOld", made.written, t.active_version_id as version, t.deprecated <> '' as "isDeprecated",
    l.last_invalidated_at::text as "invalidatedAt",
    given.claimed, given."servedAtOnce", given."claimedOld", given."claimedExpired",
    ended.failures, coalesce(ended."isFailing", false) as "isFailing",
    (select count(*)::int from pool_events e
     where e.pool_id = l.id and e.kind = 'hard_limit_healed') as healed,
    (select count(*)::int from pool_members m
     join jobs j on j.id = m.job_id
     where m.pool_id = l.id and m.version_id = t.active_version_id and m.transition = 'start'
       and m.broken is null and j.status in ('pending', 'running', 'succeeded')
       -- One that ended well before it heard of its cancel was taken for lost, and replaced.
       and j.canceled_at is null
       and (m.born_at is null or m.born_at >= coalesce(l.last_invalidated_at, '-infinity')))
      as living
  from pools l
  join templates t on t.id = l.template_id
  join presets p on p.version_id = t.active_version_id and p.pool_id = l.id
  left join pool_brakes k on k.pool_id = l.id and k.preset_id = p.id
  cross join lateral (
    select count(*) filter (where b.number = 1 and b.transition = 'start')::int as created,
      count(*) filter (where b.number = 1 and b.version_id <> t.active_version_id)::int
        as "createdOld",
      count(*)::int as written
    from builds b
    join workspaces w on w.id = b.workspace_id
    where w.pool_id = l.id
      and b.initiator_id = '00000000-0000-7000-8000-000000000001') as made
  cross join lateral (
    select count(*)::int as claimed,
      -- By the claim's own record: the waiter is forgotten a day after.
      coalesce(array_agg(w.name) filter (where not c.stage_ms ? 'wait'), '{}') as "servedAtOnce",
      count(*) filter (where b.version_id <> t.active_version_id)::int as "claimedOld",
      count(*) filter (where j.acquired_at < l.last_invalidated_at)::int as "claimedExpired"
    from claims c
    join builds b on b.workspace_id = c.workspace_id and b.number = 1
    join jobs j on j.id = b.job_id
    join workspaces w on w.id = c.workspace_id
    where c.pool_id = l.id
      and c.outcome <> 'miss') as given
  cross join lateral (
    select case when count(*) = ${HARD_LIMIT} and bool_and(d.failed)
        then string_agg(d.workspace_id::text, ' ') end as failures,
      count(*) = ${HARD_LIMIT} and bool_and(d.failed and d.created_at >= k.judged_since)
        and k.preset_id = p.id as "isFailing"
    from (
      select *
      from judged_builds
      where pool_id = l.id and preset_id = p.id
      order by created_at desc, workspace_id desc
      limit ${HARD_LIMIT}) as d) as ended
`;

const READ = {
  name: 'test.read_facts',
  text: `select json_build_object(
    'pools', (select coalesce(json_agg(pool order by id), '[]') from (${POOLS}) as pool),
    'building', (
      select count(*) from jobs where class = 4 and status in ('running', 'canceling')),
    'waiters', ${READ_WAITERS})::text`,
  values: [],
};

export async function readFacts({ database }: TestStore): Promise<Facts> {
  const { rows } = await database.query(READ);
  return JSON.parse(rows[0]?.[0] as string) as Facts;
}

interface Former {
  readonly before: Facts;
  /** The newest one before at which nothing was under way. */
  readonly quiet: Facts;
  /** Of who asked by this name. */
  readonly priorityOf: (name: string) => number;
}

/** What was done between two looks against what was allowed at one of them or between. */
export function compareFacts(
  { before, quiet, priorityOf }: Former,
  after: Facts,
): readonly string[] {
  const ofPools = after.pools.flatMap((facts, n) => {
    const [former, still] = [before.pools[n], quiet.pools[n]];
    if (former === undefined || still === undefined) return [];
    const created = facts.created - former.created;
    const claimed = facts.claimed - former.claimed;
    const desired = Math.max(former.desired, facts.desired);
    const waiting = countWaiting(facts.id, quiet.waiters, after.waiters);
    const ceiling = Math.max(former.ceiling, facts.ceiling);
    const target = Math.max(desired, Math.min(desired + waiting, ceiling));
    const first = findFirstInLine(facts.id, quiet.waiters, after.waiters);
    // Those of a higher priority than anybody in line go first, also by asking to wait when one is ready.
    const isBypassed = facts.servedAtOnce.some(
      (name) => !still.servedAtOnce.includes(name) && priorityOf(name) <= first,
    );
    const always = (holds: (one: PoolFacts) => boolean): boolean => holds(former) && holds(facts);
    const isSameLimit = facts.limitedAt !== null && facts.limitedAt === former.limitedAt;
    const isSameVersion = facts.version === former.version;
    const isSameFailures = facts.failures !== null && facts.failures === former.failures;
    const isSameInvalidation = facts.invalidatedAt === former.invalidatedAt;
    const isSameTrial = facts.trialAt !== null && facts.trialAt === former.trialAt;
    const found: readonly (readonly [boolean, string])[] = [
      [always((one) => one.paused) && facts.written > former.written, 'a paused pool wrote'],
      [always((one) => !one.mayCreate) && created > 0, 'a pool created that may not'],
      [created > 0 && facts.living > target, `${facts.living} live although ${target} are wanted`],
      [isSameLimit && created > 1, 'more than a trial'],
      [isSameLimit && isSameTrial && !facts.isTrialDue && created > 0, 'a trial before its time'],
      [
        isSameFailures && created > 0 && always((one) => one.isFailing && one.limitedAt === null),
        'a pool created in spite of its failures',
      ],
      [isSameFailures && facts.healed > former.healed, 'a limit opened without a success'],
      [isBypassed, 'somebody went before the line'],
      [always((one) => one.isDeprecated) && claimed > 0, 'a deprecated template was claimed of'],
      [
        isSameVersion && facts.createdOld > former.createdOld,
        'something of a former version was made',
      ],
      [
        isSameVersion && facts.claimedOld > former.claimedOld,
        'something of a former version was claimed',
      ],
      [
        isSameInvalidation && facts.claimedExpired > former.claimedExpired,
        'something was claimed that had expired',
      ],
    ];
    return found.flatMap(([isViolated, text]) => (isViolated ? [text] : []));
  });
  return [...ofPools, ...compareWaiters(quiet.waiters, after.waiters)];
}
