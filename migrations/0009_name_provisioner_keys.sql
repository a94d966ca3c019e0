-- phase: expand
-- why: administrators make provisioner keys, list their daemons, and see what each daemon works on

alter table provisioner_keys
  add constraint provisioner_keys_name_check check (length(name) between 1 and 128);

create index daemons_key_id_idx on daemons (key_id);

-- What a daemon holds. Ordered by daemon instead of by heartbeat_at, a heartbeat changes no indexed
-- column any more and so writes no index; the sweep for silent jobs reads the few active ones whole.
drop index jobs_active_idx;
create index jobs_active_idx on jobs (daemon_id) where status in ('running', 'canceling');
