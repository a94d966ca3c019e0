-- phase: expand
-- why: what a new owner gave for the workspace waits here, sealed, until its agents have taken it over

create table owner_values (
  workspace_id uuid not null references workspaces (id) on delete cascade,
  -- Of the owner who gave them.
  epoch integer not null,
  -- One JSON object with all of the values; it opens for this row alone. Null once it took too long to
  -- deliver them: then the row keeps whoever asks from going on as if there had been none.
  key_id uuid references data_keys (id),
  sealed bytea,
  created_at timestamptz(3) not null,
  constraint owner_values_pkey primary key (workspace_id, epoch),
  constraint owner_values_epoch_check check (epoch > 0),
  constraint owner_values_sealed_check check ((key_id is null) = (sealed is null))
);

create index owner_values_created_at_idx on owner_values (created_at) where sealed is not null;
create index owner_values_key_id_idx on owner_values (key_id) where key_id is not null;
