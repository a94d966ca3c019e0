-- phase: expand
-- why: PostgreSQL reads the text of every CHECK of a table anew in each statement that writes it; a function is read once by a connection

-- The rules of a row that had a CHECK each, and have its name still. A rule that gives null holds, as in a CHECK.
-- Nothing outside pg_catalog is named in the bodies: a restored dump writes its rows with an empty search_path.
-- Rows keep to these rules already. That all of them do is looked at by the next migration, while others write.

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

create function check_job(it jobs) returns boolean
  language plpgsql immutable parallel safe
as $$
declare
  broken constant text := case
    when it.type not in ('workspace_build', 'template_version_import', 'rehearsal', 'stray_cleanup')
      then 'jobs_type_check'
    when not it.class between 1 and 4 then 'jobs_class_check'
    when not it.attempt >= 0 then 'jobs_attempt_check'
    when not (it.acquired_at is null or it.attempt > 0) then 'jobs_acquired_check'
    when not (it.daemon_id is null or it.acquired_at is not null) then 'jobs_daemon_check'
    when (it.heartbeat_at is null) <> (it.acquired_at is null) then 'jobs_heartbeat_check'
    when not (it.canceled_at is null or it.completed_at is not null or it.acquired_at is not null)
      then 'jobs_canceling_check'
    when not (not it.overran or it.canceled_at is not null) then 'jobs_overran_check'
    when not (it.error is null or it.completed_at is not null) then 'jobs_error_check'
    when (it.error_code is null) <> (it.error is null) then 'jobs_error_code_check'
    when not (not it.succeeded or (it.completed_at is not null and it.error is null))
      then 'jobs_succeeded_check'
    when not (it.completed_at is null or it.error is not null or it.canceled_at is not null
      or it.succeeded)
      then 'jobs_completed_check'
    when not (it.log_pruned_at is null or it.completed_at is not null) then 'jobs_log_pruned_check'
  end;
begin
  if broken is not null then
    raise check_violation using
      table = 'jobs', constraint = broken,
      message = format('new row for relation "jobs" violates check constraint "%s"', broken);
  end if;
  return true;
end $$;

alter table jobs
  add constraint jobs_row_check check (check_job(jobs)) not valid,
  drop constraint jobs_type_check,
  drop constraint jobs_class_check,
  drop constraint jobs_attempt_check,
  drop constraint jobs_acquired_check,
  drop constraint jobs_daemon_check,
  drop constraint jobs_heartbeat_check,
  drop constraint jobs_canceling_check,
  drop constraint jobs_overran_check,
  drop constraint jobs_error_check,
  drop constraint jobs_error_code_check,
  drop constraint jobs_succeeded_check,
  drop constraint jobs_completed_check,
  drop constraint jobs_log_pruned_check;

create function check_build(it builds) returns boolean
  language plpgsql immutable parallel safe
as $$
declare
  broken constant text := case
    when not it.number >= 1 then 'builds_number_check'
    when it.transition not in ('start', 'stop', 'delete') then 'builds_transition_check'
    when it.stage not in ('none', 'create', 'claim') then 'builds_stage_check'
    when not case it.stage
      when 'create' then it.number = 1 and it.transition = 'start'
      when 'claim' then it.number > 1 and it.transition = 'start'
      else true
    end
      then 'builds_stage_number_check'
    when not it.daily_cost >= 0 then 'builds_daily_cost_check'
    when not (it.replaced = '[]'
      or (it.stage = 'claim' and jsonb_typeof(it.replaced) = 'array'))
      then 'builds_replaced_check'
    when (it.secret_outputs is null) <> (it.secret_outputs_key_id is null)
      then 'builds_secret_outputs_check'
  end;
begin
  if broken is not null then
    raise check_violation using
      table = 'builds', constraint = broken,
      message = format('new row for relation "builds" violates check constraint "%s"', broken);
  end if;
  return true;
end $$;

alter table builds
  add constraint builds_row_check check (check_build(builds)) not valid,
  drop constraint builds_number_check,
  drop constraint builds_transition_check,
  drop constraint builds_stage_check,
  drop constraint builds_stage_number_check,
  drop constraint builds_daily_cost_check,
  drop constraint builds_replaced_check,
  drop constraint builds_secret_outputs_check;
