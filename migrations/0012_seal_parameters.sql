-- phase: expand
-- why: values of parameters that a template calls sensitive are stored sealed, apart from the others

create table secret_parameters (
  id uuid primary key,
  workspace_id uuid not null references workspaces (id),
  -- Of the parameters, for people to see that they have values.
  names text[] not null,
  key_id uuid not null references data_keys (id),
  -- One JSON object with all of the values.
  sealed bytea not null,
  created_at timestamptz(3) not null,
  constraint secret_parameters_workspace_id_id_key unique (workspace_id, id),
  constraint secret_parameters_names_check check (cardinality(names) > 0)
);

create index secret_parameters_key_id_idx on secret_parameters (key_id);

-- Later builds, deletes among them, refer to those that an earlier build of the workspace was given.
alter table builds
  add column secret_parameters_id uuid,
  add constraint builds_secret_parameters_fkey
    foreign key (workspace_id, secret_parameters_id) references secret_parameters (workspace_id, id);
