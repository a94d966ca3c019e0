-- phase: expand
-- why: a workspace is stopped when its time is up, and deleted at the end of its life

alter table workspaces
  -- When it is deleted, whatever it was extended by.
  add column lifetime_ends_at timestamptz(3),
  -- When somebody has to look at it next, at the latest; null: nothing falls due by itself. It may be
  -- earlier than anything is due: who looks decides, and writes the next.
  add column due_at timestamptz(3);
alter table workspaces
  add constraint workspaces_ttl_seconds_check check (ttl_seconds >= 60),
  add constraint workspaces_deadline_at_check check (deadline_at <= lifetime_ends_at),
  add constraint workspaces_due_at_check check (due_at is null or deleted_at is null),
  -- As workspaces_unclaimed_check: the pool's own have no life of their own yet.
  add constraint workspaces_unclaimed_life_check check (
    owner_id <> '00000000-0000-7000-8000-000000000001'
    or (lifetime_ends_at is null and due_at is null));

-- Holds what something will fall due for, the next first.
create index workspaces_due_at_idx on workspaces (due_at) where due_at is not null;

-- What somebody waits with; null: as the template says, 0: none.
alter table waiters add column ttl_seconds integer;
alter table waiters add constraint waiters_ttl_seconds_check check (ttl_seconds = 0 or ttl_seconds >= 60);
