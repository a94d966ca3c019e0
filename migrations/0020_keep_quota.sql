-- phase: expand
-- why: what workspaces cost a day, and organizations that keep people and pools within their allowance

alter table organizations add column enforces_quota boolean not null default false;

-- Amounts are hundredths of a currency's unit, a day.
alter table groups alter column quota_allowance type bigint;

-- Rounded up, so that what costs anything never counts as free.
alter table template_versions add column daily_cost bigint not null generated always as (
  coalesce(ceil((manifest #>> '{cost,hourly}')::numeric * 2400), 0)::bigint) stored;

-- Nothing was ever stored in it. Another type would have every row written anew.
alter table builds drop column daily_cost;
alter table builds
  add column daily_cost bigint not null default 0,
  add constraint builds_daily_cost_check check (daily_cost >= 0);

update builds b
set daily_cost = v.daily_cost
from workspaces w, template_versions v
where w.deleted_at is null
  and b.workspace_id = w.id
  and b.number = (select max(number) from builds where workspace_id = w.id)
  and b.transition = 'start'
  and v.id = b.version_id
  and v.daily_cost > 0;
