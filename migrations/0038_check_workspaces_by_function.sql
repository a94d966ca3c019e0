-- phase: expand
-- why: PostgreSQL reads the text of every CHECK of a table anew in each statement that writes it; a function is read once by a connection

-- The rules of a row that had a CHECK each, and have its name still. A rule that gives null holds, as in a CHECK.
-- Nothing outside pg_catalog is named in the body: a restored dump writes its rows with an empty search_path.
-- Rows keep to these rules already. That all of them do is looked at by a later migration, while others write. Each of the three
-- tables has a migration of its own: statements lock two of them in either order, and would meet one that locks all.

create function check_workspace(it workspaces) returns boolean
  language plpgsql immutable parallel safe
as $$
declare
  prebuilds constant uuid := '00000000-0000-7000-8000-000000000001';
  broken constant text := case
    when not it.name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' then 'workspaces_name_check'
    when it.origin not in ('prebuild', 'user') then 'workspaces_origin_check'
    when not it.epoch >= 0 then 'workspaces_epoch_check'
    when it.automatic_updates not in ('never', 'always') then 'workspaces_automatic_updates_check'
    when (it.origin = 'prebuild') <> (it.pool_id is not null) then 'workspaces_pool_check'
    when not (it.origin <> 'prebuild' or it.owner_id = prebuilds or it.epoch > 0)
      then 'workspaces_claimed_check'
    when not (it.owner_id <> prebuilds or (
      it.origin = 'prebuild'
      and (it.epoch = 0 or it.voided_at is not null)
      and it.automatic_updates = 'never'
      and it.autostart_schedule is null
      and it.next_start_at is null
      and it.ttl_seconds is null
      and it.deadline_at is null
      and it.dormant_at is null))
      then 'workspaces_unclaimed_check'
    when not (it.owner_id <> prebuilds or (
      it.lifetime_ends_at is null and it.due_at is null))
      then 'workspaces_unclaimed_life_check'
    when not (it.owner_id <> prebuilds or (
      it.idle_stop_seconds is null
      and it.dormant_after_seconds is null
      and it.delete_dormant_after_seconds is null))
      then 'workspaces_unclaimed_rest_check'
    when not (it.voided_at is null or it.owner_id = prebuilds) then 'workspaces_voided_at_check'
    when not ((it.autostart_schedule is null) = (it.autostart_timezone is null)
      and (it.next_start_at is null or it.autostart_schedule is not null))
      then 'workspaces_autostart_check'
    when not it.ttl_seconds >= 60 then 'workspaces_ttl_seconds_check'
    when not it.idle_stop_seconds >= 60 then 'workspaces_idle_stop_seconds_check'
    when not it.dormant_after_seconds >= 60 then 'workspaces_dormant_after_seconds_check'
    when not it.delete_dormant_after_seconds >= 60
      then 'workspaces_delete_dormant_after_seconds_check'
    when not it.deadline_at <= it.lifetime_ends_at then 'workspaces_deadline_at_check'
    when not (it.due_at is null or it.deleted_at is null) then 'workspaces_due_at_check'
    when (it.start_refused_at is null) <> (it.start_refusal is null)
      then 'workspaces_start_refusal_check'
  end;
begin
  if broken is not null then
    raise check_violation using
      table = 'workspaces', constraint = broken,
      message = format('new row for relation "workspaces" violates check constraint "%s"', broken);
  end if;
  return true;
end $$;

alter table workspaces
  add constraint workspaces_row_check check (check_workspace(workspaces)) not valid,
  drop constraint workspaces_name_check,
  drop constraint workspaces_origin_check,
  drop constraint workspaces_epoch_check,
  drop constraint workspaces_automatic_updates_check,
  drop constraint workspaces_pool_check,
  drop constraint workspaces_claimed_check,
  drop constraint workspaces_unclaimed_check,
  drop constraint workspaces_unclaimed_life_check,
  drop constraint workspaces_unclaimed_rest_check,
  drop constraint workspaces_voided_at_check,
  drop constraint workspaces_autostart_check,
  drop constraint workspaces_ttl_seconds_check,
  drop constraint workspaces_idle_stop_seconds_check,
  drop constraint workspaces_dormant_after_seconds_check,
  drop constraint workspaces_delete_dormant_after_seconds_check,
  drop constraint workspaces_deadline_at_check,
  drop constraint workspaces_due_at_check,
  drop constraint workspaces_start_refusal_check;
