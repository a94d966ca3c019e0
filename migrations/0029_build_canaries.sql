-- phase: expand
-- why: a version that refuses to replace anything at a claim is rehearsed before it is promoted

-- A prebuild that belongs to no pool, so that nobody can claim it: made to rehearse a claim, and then
-- deleted. The row goes when the workspace has.
create table canaries (
  workspace_id uuid primary key references workspaces (id) on delete cascade,
  preset_id uuid not null references presets (id)
);

create index canaries_preset_id_idx on canaries (preset_id);
-- Whether the rehearsal with a workspace is still to end.
create index rehearsals_workspace_id_idx on rehearsals (workspace_id);
