-- phase: expand
-- why: who waits keeps their place until the agents of what was taken for them have answered

-- Not ended, with a workspace: it was taken for them, and they are told once its agents have answered.
alter table waiters drop constraint waiters_workspace_check;
alter table waiters add constraint waiters_workspace_check check (
  outcome is null or (outcome = 'served') = (workspace_id is not null));

-- As before, and what was taken for a waiter has the name that is kept for it.
create or replace function refuse_reserved_name() returns trigger language plpgsql as $$
begin
  -- Two workspaces of one name meet at their own index.
  perform pg_advisory_xact_lock_shared(7283006, hashtext(new.owner_id || ' ' || new.name));
  if exists (
    select from waiters q
    where q.user_id = new.owner_id and q.name = new.name and q.ended_at is null
      and q.workspace_id is distinct from new.id
  ) then
    raise unique_violation using
      constraint = 'waiters_user_id_name_key',
      message = format('the name %s of user %s is kept for a waiter', new.name, new.owner_id);
  end if;
  return null;
end $$;
