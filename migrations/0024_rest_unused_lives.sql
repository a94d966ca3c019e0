-- phase: expand
-- why: what nobody uses is stopped, becomes dormant, and is deleted in the end

alter table workspaces
  -- For how long nobody may use it while it runs; null: for ever.
  add column idle_stop_seconds integer,
  -- After how long without use it becomes dormant; null: never.
  add column dormant_after_seconds integer,
  -- For how long a dormant one is kept; null: for ever.
  add column delete_dormant_after_seconds integer;
alter table workspaces
  add constraint workspaces_idle_stop_seconds_check check (idle_stop_seconds >= 60),
  add constraint workspaces_dormant_after_seconds_check check (dormant_after_seconds >= 60),
  add constraint workspaces_delete_dormant_after_seconds_check
    check (delete_dormant_after_seconds >= 60),
  -- As workspaces_unclaimed_check: the pool's own have no life of their own yet.
  add constraint workspaces_unclaimed_rest_check check (
    owner_id <> '00000000-0000-7000-8000-000000000001'
    or (idle_stop_seconds is null and dormant_after_seconds is null
      and delete_dormant_after_seconds is null));
