-- phase: expand
-- why: workspaces, their builds, and the agents inside them

create table workspaces (
  id uuid primary key,
  organization_id uuid not null references organizations (id),
  owner_id uuid not null references users (id),
  template_id uuid not null references templates (id),
  name text not null,
  -- How it came to be; never guessed from who started a build.
  origin text not null,
  -- The pool that made it, for as long as it lives; null for one made on request.
  pool_id uuid references pools (id),
  -- Rises by one with every change of owner.
  epoch integer not null default 0,
  -- Where it lives, for a driver whose workspaces cannot leave their machine.
  machine_id text,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  last_used_at timestamptz(3) not null,
  deleted_at timestamptz(3),
  automatic_updates text not null default 'never',
  autostart_schedule text,
  next_start_at timestamptz(3),
  ttl_seconds integer,
  deadline_at timestamptz(3),
  dormant_at timestamptz(3),
  constraint workspaces_name_check check (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  constraint workspaces_origin_check check (origin in ('prebuild', 'user')),
  constraint workspaces_pool_check check ((origin = 'prebuild') = (pool_id is not null)),
  constraint workspaces_epoch_check check (epoch >= 0),
  constraint workspaces_automatic_updates_check check (automatic_updates in ('never', 'always')),
  -- Unclaimed is: owned by the system user. Such a one is the pool's and has no life of its own yet.
  constraint workspaces_unclaimed_check check (
    owner_id <> '00000000-0000-7000-8000-000000000001'
    or (origin = 'prebuild' and epoch = 0 and automatic_updates = 'never'
      and autostart_schedule is null and next_start_at is null and ttl_seconds is null
      and deadline_at is null and dormant_at is null)),
  constraint workspaces_claimed_check check (
    origin <> 'prebuild' or owner_id = '00000000-0000-7000-8000-000000000001' or epoch > 0)
);

create unique index workspaces_owner_id_name_key on workspaces (owner_id, name)
  where deleted_at is null;
create index workspaces_template_id_idx on workspaces (template_id) where deleted_at is null;
create index workspaces_machine_id_idx on workspaces (machine_id) where deleted_at is null;

create table builds (
  id uuid primary key,
  workspace_id uuid not null references workspaces (id),
  number integer not null,
  transition text not null,
  version_id uuid not null references template_versions (id),
  preset_id uuid references presets (id),
  initiator_id uuid not null references users (id),
  reason text not null,
  stage text not null,
  job_id uuid not null references jobs (id),
  daily_cost integer not null default 0,
  parameters jsonb not null default '{}',
  -- Connection details the driver reported: url, port and what else it knows.
  outputs jsonb,
  created_at timestamptz(3) not null,
  constraint builds_workspace_id_number_key unique (workspace_id, number),
  constraint builds_job_id_key unique (job_id),
  constraint builds_number_check check (number >= 1),
  constraint builds_transition_check check (transition in ('start', 'stop', 'delete')),
  constraint builds_stage_check check (stage in ('none', 'create', 'claim')),
  constraint builds_daily_cost_check check (daily_cost >= 0)
);

create index builds_version_id_idx on builds (version_id);

create table agents (
  id uuid primary key,
  workspace_id uuid not null references workspaces (id) on delete cascade,
  name text not null,
  -- program: an agent runs in the workspace; check: the daemon repeats the template's ready check.
  kind text not null,
  lifecycle text not null default 'created',
  last_seen_at timestamptz(3),
  -- Seconds without a sign of life after which it is not ready any more.
  timeout_seconds integer not null,
  -- The newest epoch whose owner the agent has taken over.
  applied_epoch integer not null default 0,
  created_at timestamptz(3) not null,
  constraint agents_workspace_id_name_key unique (workspace_id, name),
  constraint agents_kind_check check (kind in ('program', 'check')),
  constraint agents_lifecycle_check check (lifecycle in
    ('created', 'starting', 'ready', 'start_error', 'start_timeout', 'shutting_down', 'off')),
  constraint agents_timeout_seconds_check check (timeout_seconds > 0)
);

-- What an agent's bootstrap token is exchanged for: good for one workspace and one epoch.
create table agent_sessions (
  id uuid primary key,
  agent_id uuid not null references agents (id) on delete cascade,
  workspace_id uuid not null references workspaces (id) on delete cascade,
  epoch integer not null,
  hash bytea not null,
  created_at timestamptz(3) not null,
  ended_at timestamptz(3),
  constraint agent_sessions_hash_key unique (hash),
  constraint agent_sessions_hash_check check (octet_length(hash) = 32)
);

create unique index agent_sessions_live_key on agent_sessions (agent_id) where ended_at is null;
create index agent_sessions_workspace_id_idx on agent_sessions (workspace_id);
