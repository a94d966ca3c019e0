-- phase: expand
-- why: whose workspace was not started by its schedule sees why, and what to do
-- A life's change by an older control plane leaves it until the next build or change; the check is validated by a scan.

alter table workspaces
  add column start_refused_at timestamptz(3),
  -- The code, what failed, and what to do about it.
  add column start_refusal jsonb,
  add constraint workspaces_start_refusal_check check (
    (start_refused_at is null) = (start_refusal is null));
