-- phase: expand
-- why: what is long over is taken away, oldest first, at a cost that does not follow what is there

create index workspaces_deleted_at_idx on workspaces (deleted_at, id) where deleted_at is not null;

-- Requests that were answered with nothing: no workspace takes them with it.
create index claims_unserved_idx on claims (at, id) where workspace_id is null;

-- Jobs that are about no version and no build.
create index jobs_lone_ended_idx on jobs (completed_at, id)
  where type in ('rehearsal', 'stray_cleanup') and completed_at is not null;

-- For the end of a workspace, which looks for its keys.
create index idempotency_keys_workspace_id_idx on idempotency_keys (workspace_id);
