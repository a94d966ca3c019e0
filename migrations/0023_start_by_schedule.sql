-- phase: expand
-- why: a workspace is started at the times that its owner has set

alter table workspaces
  -- In which the schedule is read: a name of the IANA database.
  add column autostart_timezone text;
alter table workspaces
  add constraint workspaces_autostart_check check (
    (autostart_schedule is null) = (autostart_timezone is null)
    and (next_start_at is null or autostart_schedule is not null));
