-- phase: expand
-- why: what drivers' tools remember of the infrastructure they made, sealed, and fenced by a lock

-- Keys that seal what is stored here. Each is itself sealed with the installation's secret key, so
-- that a dump of the database opens nothing, and a new one can be made without touching a file.
create table data_keys (
  id uuid primary key,
  sealed bytea not null,
  created_at timestamptz(3) not null,
  -- Set when a newer one has taken over; the row goes when nothing is sealed with it any more.
  retired_at timestamptz(3)
);

create unique index data_keys_current_key on data_keys ((true)) where retired_at is null;

-- Who may write a workspace's state: the newest row. Rows stay for the workspace's life, so that
-- what an overtaken attempt still has to say is known as its own.
create table state_locks (
  workspace_id uuid not null references workspaces (id),
  -- Counted from 1. The first row is also what those who take and write lock.
  number integer not null,
  job_id uuid not null references jobs (id),
  attempt integer not null,
  daemon_id uuid not null references daemons (id),
  taken_at timestamptz(3) not null,
  primary key (workspace_id, number),
  constraint state_locks_number_check check (number >= 1),
  constraint state_locks_job_id_attempt_key unique (job_id, attempt)
);

-- Every state there ever was, until the workspace is gone; the newest is where the next build begins.
create table workspace_states (
  workspace_id uuid not null,
  number integer not null,
  lock_number integer not null,
  -- The order in which the lock's holder wrote its states, whatever order they arrive in.
  incarnation integer not null,
  sequence integer not null,
  key_id uuid not null references data_keys (id),
  sealed bytea not null,
  created_at timestamptz(3) not null,
  primary key (workspace_id, number),
  constraint workspace_states_number_check check (number >= 1),
  constraint workspace_states_lock_fkey
    foreign key (workspace_id, lock_number) references state_locks (workspace_id, number)
);

create index workspace_states_key_id_idx on workspace_states (key_id);

-- States that came when another attempt had taken the lock already. What they name beyond the current
-- state is destroyed by a job of its own, and until then it is shown.
create table stray_states (
  id uuid primary key,
  workspace_id uuid not null,
  lock_number integer not null,
  incarnation integer not null,
  sequence integer not null,
  key_id uuid not null references data_keys (id),
  sealed bytea not null,
  created_at timestamptz(3) not null,
  -- The newest job that destroys it.
  job_id uuid references jobs (id),
  tries integer not null default 0,
  destroyed_at timestamptz(3),
  constraint stray_states_lock_fkey
    foreign key (workspace_id, lock_number) references state_locks (workspace_id, number),
  constraint stray_states_job_id_key unique (job_id),
  constraint stray_states_destroyed_check check (destroyed_at is null or job_id is not null)
);

create index stray_states_key_id_idx on stray_states (key_id);
create index stray_states_open_idx on stray_states (created_at) where destroyed_at is null;
create index stray_states_workspace_id_idx on stray_states (workspace_id);

alter table jobs drop constraint jobs_type_check;
alter table jobs add constraint jobs_type_check
  check (type in ('workspace_build', 'template_version_import', 'rehearsal', 'stray_cleanup'));

-- Connection details that the template calls sensitive, sealed; and what stands for the workspace.
alter table builds
  add column secret_outputs bytea,
  add column secret_outputs_key_id uuid references data_keys (id),
  add column resources jsonb not null default '[]',
  add constraint builds_secret_outputs_check
    check ((secret_outputs is null) = (secret_outputs_key_id is null));

create index builds_secret_outputs_key_id_idx on builds (secret_outputs_key_id)
  where secret_outputs_key_id is not null;
