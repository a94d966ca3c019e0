-- phase: expand
-- why: an operator's size of a pool may stand against the schedules as well

-- The size holds at every hour; without it the schedules of the template go first.
alter table pools add column overrides_schedules boolean not null default false;
alter table pools add constraint pools_overrides_schedules_check
  check (not overrides_schedules or size_override is not null);
