-- phase: expand
-- why: what a claim would replace is planned once for each preset with a pool, before anybody claims

create table rehearsals (
  preset_id uuid primary key references presets (id),
  -- The newest job that plans it; null once that is so long over that it was taken away.
  job_id uuid references jobs (id) on delete set null,
  -- The prebuild that it is planned for, whatever became of it since.
  workspace_id uuid not null,
  -- Null while it is under way.
  outcome text,
  findings jsonb not null default '[]',
  error text,
  completed_at timestamptz(3),
  constraint rehearsals_job_id_key unique (job_id),
  constraint rehearsals_outcome_check check (outcome in ('clean', 'replaces', 'failed', 'void')),
  constraint rehearsals_completed_check check ((outcome is null) = (completed_at is null)),
  constraint rehearsals_findings_check check (
    jsonb_typeof(findings) = 'array'
    and (outcome is not distinct from 'replaces') = (findings <> '[]')),
  constraint rehearsals_error_check check (
    (coalesce(outcome, '') in ('failed', 'void')) = (error is not null))
);
