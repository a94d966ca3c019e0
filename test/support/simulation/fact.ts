// What a pool may do and has done, so that a look can tell what it did since the former one.
import type { TestStore } from '../store.ts';

export interface Facts {
  readonly pools: readonly PoolFacts[];
  /** Creations that daemons have. */
  readonly building: number;
}

interface PoolFacts {
  readonly desired: number;
  readonly paused: boolean;
  readonly mayCreate: boolean;
  /** Since when it is limited; null: it is not. */
  readonly limitedAt: string | null;
  /** When the next trial may begin, if none is under way. */
  readonly trialAt: string | null;
  readonly isTrialDue: boolean;
  /** First starts, ever. */
  readonly created: number;
  /** Builds of the pool's own, ever. */
  readonly written: number;
  readonly living: number;
}

const POOLS = `
  select l.id, coalesce(l.size_override, p.desired_instances) as desired,
    l.paused or coalesce((select (value ->> 'reconciliation_paused')::boolean from settings
      where name = 'prebuilds'),
      false) as paused,
    t.deprecated = '' and t.deleted_at is null and p.status = 'healthy' as "mayCreate",
    k.limited_at::text as "limitedAt",
    case when k.trial_workspace_id is null then k.trial_at::text end as "trialAt",
    coalesce(k.trial_at <= standby_now(), false) as "isTrialDue",
    made.created, made.written,
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
      count(*)::int as written
    from builds b
    join workspaces w on w.id = b.workspace_id
    where w.pool_id = l.id
      and b.initiator_id = '00000000-0000-7000-8000-000000000001') as made
`;

const READ = {
  name: 'test.read_facts',
  text: `select json_build_object(
    'pools', (select coalesce(json_agg(pool order by id), '[]') from (${POOLS}) as pool),
    'building', (
      select count(*) from jobs where class = 4 and status in ('running', 'canceling')))::text`,
  values: [],
};

export async function readFacts({ database }: TestStore): Promise<Facts> {
  const { rows } = await database.query(READ);
  return JSON.parse(rows[0]?.[0] as string) as Facts;
}

/** What was done between two looks against what was allowed at one of them or between. */
export function compareFacts(before: Facts, after: Facts): readonly string[] {
  return after.pools.flatMap((facts, n) => {
    const former = before.pools[n];
    if (former === undefined) return [];
    const created = facts.created - former.created;
    const target = Math.max(former.desired, facts.desired);
    const always = (holds: (one: PoolFacts) => boolean): boolean => holds(former) && holds(facts);
    const isSameLimit = facts.limitedAt !== null && facts.limitedAt === former.limitedAt;
    const isSameTrial = facts.trialAt !== null && facts.trialAt === former.trialAt;
    const found: readonly (readonly [boolean, string])[] = [
      [always((one) => one.paused) && facts.written > former.written, 'a paused pool wrote'],
      [always((one) => !one.mayCreate) && created > 0, 'a pool created that may not'],
      [created > 0 && facts.living > target, `${facts.living} live although ${target} are wanted`],
      [isSameLimit && created > 1, 'more than a trial'],
      [isSameLimit && isSameTrial && !facts.isTrialDue && created > 0, 'a trial before its time'],
    ];
    return found.flatMap(([isViolated, text]) => (isViolated ? [text] : []));
  });
}
