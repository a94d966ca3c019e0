-- phase: expand
-- why: logs are pruned by age, and a job that runs for too long is stopped

-- A cancel was asked for because it ran for longer than it may, not because somebody changed their mind.
alter table jobs add column overran boolean not null default false;
alter table jobs add constraint jobs_overran_check check (not overran or canceled_at is not null);

-- When its log was taken away, long after its end.
alter table jobs add column log_pruned_at timestamptz(3);
alter table jobs add constraint jobs_log_pruned_check
  check (log_pruned_at is null or completed_at is not null);

-- Holds what still has to be pruned, and nothing else.
create index jobs_unpruned_idx on jobs (completed_at)
  where completed_at is not null and log_pruned_at is null;
