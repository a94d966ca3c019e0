-- phase: expand
-- why: what is counted never falls, is the same on every replica, and outlives the rows it came from

-- What was counted since it was last added up, written by the statement that does the thing itself.
-- A row of one's own: whoever counts waits for nobody else who counts the same.
create table counter_steps (
  id bigint generated always as identity primary key,
  counter text not null,
  -- Null for a counter that is not about a template.
  template_id uuid,
  -- A preset's name, which outlives versions.
  preset text,
  labels jsonb not null default '{}',
  amount bigint not null,
  constraint counter_steps_amount_check check (amount > 0)
);

create table counter_totals (
  counter text not null,
  template_id uuid references templates (id),
  preset text,
  labels jsonb not null,
  total bigint not null,
  constraint counter_totals_key unique nulls not distinct (counter, template_id, preset, labels),
  constraint counter_totals_total_check check (total > 0)
);

-- What happened before anything was counted.
insert into counter_totals (counter, template_id, preset, labels, total)
select 'prebuilds_created', l.template_id, l.preset_name, '{}', count(*)
from workspaces w
join pools l on l.id = w.pool_id
where w.origin = 'prebuild'
group by l.id;

insert into counter_totals (counter, template_id, preset, labels, total)
select 'prebuilds_failed', l.template_id, l.preset_name, '{}', count(*)
from workspaces w
join pools l on l.id = w.pool_id
join builds b on b.workspace_id = w.id and b.number = 1
join jobs j on j.id = b.job_id and j.status = 'failed'
where w.origin = 'prebuild'
group by l.id;

insert into counter_totals (counter, template_id, preset, labels, total)
select 'prebuilds_claimed', l.template_id, l.preset_name, '{}', count(*)
from claims c
join pools l on l.id = c.pool_id
where c.outcome <> 'miss'
group by l.id;

insert into counter_totals (counter, template_id, preset, labels, total)
select 'claims_missed', m.template_id, m.preset, jsonb_build_object('reason', m.reason), count(*)
from (
  select c.template_id, c.reason,
    coalesce(l.preset_name, (
      select p.name
      from builds b
      join presets p on p.id = b.preset_id
      where b.workspace_id = c.workspace_id
        and b.number = 1)) as preset
  from claims c
  left join pools l on l.id = c.pool_id
  where c.outcome = 'miss'
) as m
where m.preset is not null
group by m.template_id, m.preset, m.reason;

insert into counter_totals (counter, labels, total)
select 'builds_enqueued',
  jsonb_build_object(
    'kind', case
      when u.is_system then 'pool'
      when b.stage = 'claim' then 'claim'
      else 'person'
    end,
    'transition', b.transition,
    'reason', b.reason,
    'status', 'queued'),
  count(*)
from builds b
join users u on u.id = b.initiator_id
group by 2;
