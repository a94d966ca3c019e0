-- phase: expand
-- why: as for workspaces

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
