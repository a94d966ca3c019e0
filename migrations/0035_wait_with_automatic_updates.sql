-- phase: expand
-- why: who waits for a workspace has said whether its starts are with the newest version

alter table waiters
  add column automatic_updates text,
  add constraint waiters_automatic_updates_check check (automatic_updates in ('never', 'always'));
