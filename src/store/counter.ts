// Counters that are the same on every replica. Whoever does what is counted writes a step in the same
// transaction (the hot statements in an arm of their own); steps are added up in totals from time to time.
import type { PoolId } from '../base/id.ts';
import { count, json, nullable, text } from './column.ts';
import {
  asJson,
  statement,
  takes,
  type Deferring,
  type Executor,
  type NoArgs,
} from './statement.ts';

export type Counter =
  | 'prebuilds_created'
  | 'prebuilds_failed'
  | 'prebuilds_claimed'
  | 'claims_missed'
  | 'claims_voided'
  | 'resource_replacements'
  | 'waits_ended'
  | 'builds_enqueued';

export interface RefusedBuild {
  readonly transition: 'start' | 'delete';
  readonly reason: string;
}

const insertPoolStep = statement({
  name: 'counter.count_for_pool',
  takes: takes<{ readonly counter: Counter; readonly poolId: PoolId }>(),
  gives: {},
  sql: `
    insert into counter_steps (counter, template_id, preset, amount)
    select $counter, template_id, preset_name, 1
    from pools
    where id = $poolId`,
});

const insertStep = statement({
  name: 'counter.count',
  takes: takes<{ readonly counter: Counter; readonly labels: string }>(),
  gives: {},
  sql: `
    insert into counter_steps (counter, labels, amount)
    values ($counter, $labels::jsonb, 1)`,
});

export function countForPool(tx: Deferring, counter: Counter, poolId: PoolId): void {
  insertPoolStep.later(tx, { counter, poolId });
}

/** A build of a pool that was decided on and could not be queued. */
export function countRefusedBuild(tx: Deferring, { transition, reason }: RefusedBuild): void {
  const labels = asJson({ kind: 'pool', transition, reason, status: 'refused' });
  insertStep.later(tx, { counter: 'builds_enqueued', labels });
}

/** At most so many in one statement, so that adding up after a long time is no long transaction. */
const STEPS_AT_ONCE = 10_000;

// Steps that another replica is adding up are passed over. In the order of the key, so that two who
// add up at once never wait for each other in a circle.
const addUpSteps = statement({
  name: 'counter.add_up',
  takes: takes<{ readonly limit: number }>(),
  gives: { steps: count },
  sql: `
    with oldest as materialized (
      select id
      from counter_steps
      order by id
      limit $limit
      for update skip locked
    ), taken as (
      delete from counter_steps s
      using oldest
      where s.id = oldest.id
      returning s.counter, s.template_id, s.preset, s.labels, s.amount
    ), added as (
      insert into counter_totals as t (counter, template_id, preset, labels, total)
      select counter, template_id, preset, labels, sum(amount)::bigint
      from taken
      group by counter, template_id, preset, labels
      order by counter, template_id, preset, labels
      on conflict (counter, template_id, preset, labels) do update
      set total = t.total + excluded.total
    )
    select count(*) as steps from taken`,
});

/** Adds steps to totals; nothing that is read changes by it. Any number of replicas may do so at once. */
export async function addUpCounters(on: Executor): Promise<void> {
  for (;;) {
    const { steps } = await addUpSteps.one(on, { limit: STEPS_AT_ONCE });
    if (steps < STEPS_AT_ONCE) return;
  }
}

/**
 * What was ever counted, by names: a template that was deleted and made again goes on with what it
 * had. Shown is what a preset of an active version stands for, and what is about no template.
 */
export const readCounters = statement({
  name: 'counter.read',
  takes: takes<NoArgs>(),
  gives: {
    counter: text,
    organization: nullable(text),
    template: nullable(text),
    preset: nullable(text),
    labels: json<Readonly<Record<string, string>>>(),
    total: count,
  },
  sql: `
    select c.counter, o.name as organization, t.name as template, c.preset, c.labels,
      sum(c.amount)::bigint as total
    from (
      select counter, template_id, preset, labels, total as amount from counter_totals
      union all
      select counter, template_id, preset, labels, amount from counter_steps
    ) as c
    left join templates t on t.id = c.template_id
    left join organizations o on o.id = t.organization_id
    where c.template_id is null
      or exists (
        select
        from templates living
        join presets p on p.version_id = living.active_version_id
        where living.organization_id = t.organization_id
          and living.name = t.name
          and living.deleted_at is null
          and p.name = c.preset)
    group by c.counter, o.name, t.name, c.preset, c.labels
    order by c.counter, o.name, t.name, c.preset, c.labels`,
});
