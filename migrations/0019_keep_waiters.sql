-- phase: expand
-- why: who waits for a prebuild of a pool is stored, in order, and keeps the name that was asked for

create table waiters (
  id uuid primary key,
  organization_id uuid not null references organizations (id),
  template_id uuid not null references templates (id),
  pool_id uuid not null references pools (id),
  user_id uuid not null references users (id),
  -- Of the workspace, and kept free for it.
  name text not null,
  -- Higher ones are served first.
  priority integer not null,
  -- Among those of one priority: the order in which they came.
  turn bigint generated always as identity,
  -- Those that the request gave, without the values of sensitive ones.
  parameters jsonb not null,
  -- One JSON object with what the request gave to sensitive ones; it opens for this row alone.
  key_id uuid references data_keys (id),
  sealed bytea,
  -- Why there was nothing to take at once.
  miss_reason text not null,
  created_at timestamptz(3) not null,
  deadline_at timestamptz(3) not null,
  ended_at timestamptz(3),
  outcome text,
  workspace_id uuid references workspaces (id) on delete cascade,
  error_code text,
  error text,
  constraint waiters_name_check check (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  constraint waiters_priority_check check (priority between -1000 and 1000),
  constraint waiters_deadline_check check (deadline_at > created_at),
  constraint waiters_outcome_check check (
    outcome in ('served', 'canceled', 'timed_out', 'refused')),
  constraint waiters_ended_check check ((ended_at is null) = (outcome is null)),
  constraint waiters_workspace_check check (
    (outcome is not distinct from 'served') = (workspace_id is not null)),
  constraint waiters_error_check check (
    (outcome is not distinct from 'refused') = (error_code is not null)
    and (error_code is null) = (error is null)),
  constraint waiters_sealed_check check (
    (key_id is null) = (sealed is null) and (sealed is null or ended_at is null)),
  constraint waiters_workspace_id_key unique (workspace_id)
);

create unique index waiters_user_id_name_key on waiters (user_id, name) where ended_at is null;
-- The order in which a pool serves; claims look here whether somebody is before them.
create index waiters_waiting_idx on waiters (pool_id, priority desc, turn) where ended_at is null;
create index waiters_deadline_at_idx on waiters (deadline_at) where ended_at is null;
create index waiters_ended_at_idx on waiters (ended_at) where ended_at is not null;
create index waiters_user_id_idx on waiters (user_id, id);
create index waiters_key_id_idx on waiters (key_id) where key_id is not null;

-- A name that somebody waits with is nobody else's of the same owner. Two tables cannot share a unique
-- index, so both sides take a lock of the name first and look at the other table then: each statement in
-- here sees what was committed before the lock was got.
create function refuse_reserved_name() returns trigger language plpgsql as $$
begin
  -- Two workspaces of one name meet at their own index.
  perform pg_advisory_xact_lock_shared(7283006, hashtext(new.owner_id || ' ' || new.name));
  if exists (
    select from waiters q
    where q.user_id = new.owner_id and q.name = new.name and q.ended_at is null
  ) then
    raise unique_violation using
      constraint = 'waiters_user_id_name_key',
      message = format('the name %s of user %s is kept for a waiter', new.name, new.owner_id);
  end if;
  return null;
end $$;

create function refuse_taken_name() returns trigger language plpgsql as $$
begin
  perform pg_advisory_xact_lock(7283006, hashtext(new.user_id || ' ' || new.name));
  if exists (
    select from workspaces w
    where w.owner_id = new.user_id and w.name = new.name and w.deleted_at is null
  ) then
    raise unique_violation using
      constraint = 'workspaces_owner_id_name_key',
      message = format('user %s has a workspace %s', new.user_id, new.name);
  end if;
  return null;
end $$;

-- Workspaces of the pools have names that nobody can ask for.
create constraint trigger workspaces_reserved_name
  after insert or update of owner_id, name on workspaces
  for each row
  when (new.deleted_at is null and new.owner_id <> '00000000-0000-7000-8000-000000000001')
  execute function refuse_reserved_name();

create constraint trigger waiters_taken_name
  after insert or update of user_id, name on waiters
  for each row
  when (new.ended_at is null)
  execute function refuse_taken_name();

-- What a key stands for: a workspace, or a waiter and what became of it.
alter table idempotency_keys
  alter column workspace_id drop not null,
  add column waiter_id uuid,
  -- The key is written first, so that of two requests with it one waits for the other there.
  add constraint idempotency_keys_waiter_id_fkey foreign key (waiter_id)
    references waiters (id) on delete cascade deferrable initially deferred,
  add constraint idempotency_keys_subject_check check (num_nonnulls(workspace_id, waiter_id) = 1);

create index idempotency_keys_waiter_id_idx on idempotency_keys (waiter_id)
  where waiter_id is not null;
