-- phase: expand
-- why: who waits for a workspace has said when it is to start by itself

alter table waiters
  add column autostart_schedule text,
  add column autostart_timezone text;
alter table waiters
  add constraint waiters_autostart_check check (
    (autostart_schedule is null) = (autostart_timezone is null));
