-- phase: expand
-- why: what the reconciler decides from and writes to; it shrinks when workspaces go

-- One row for every unclaimed, undeleted prebuild, from its creation to its claim or deletion.
-- A projection of workspaces, builds and agents, so that the cost of a pass and of a claim follows
-- the live pool and not history. src/store/live-pool is its only writer.
create table pool_members (
  workspace_id uuid primary key references workspaces (id) on delete cascade,
  pool_id uuid not null references pools (id),
  preset_id uuid not null references presets (id),
  version_id uuid not null references template_versions (id),
  -- The latest build.
  build_number integer not null,
  transition text not null,
  job_id uuid not null references jobs (id),
  -- When its first build was first acquired, known once that build has ended: its age counts from
  -- here, so that queueing does not age it.
  born_at timestamptz(3),
  -- When its latest build, a start, succeeded; null while it is not running.
  running_since timestamptz(3),
  -- Every agent says that it is ready. How fresh their signs of life are stands in agents alone: a
  -- renewal that wrote this row would lock it, and a claim would pass the workspace over.
  ready boolean not null default false,
  -- When readiness was last lost by report, null while ready.
  unready_since timestamptz(3),
  -- Why it can never become ready again: a failed startup, or its processes are gone.
  broken text,
  constraint pool_members_job_id_key unique (job_id),
  constraint pool_members_transition_check check (transition in ('start', 'stop', 'delete')),
  constraint pool_members_running_check check (
    running_since is null or (transition = 'start' and born_at is not null)),
  constraint pool_members_ready_check check (
    not ready or (running_since is not null and broken is null and unready_since is null))
);

create index pool_members_pool_id_idx on pool_members (pool_id);
create index pool_members_claim_idx on pool_members (preset_id, born_at, workspace_id) where ready;

-- The pool's newest judged first builds, whatever became of the workspaces; bounded per pool.
create table judged_builds (
  pool_id uuid not null references pools (id),
  workspace_id uuid not null,
  preset_id uuid not null references presets (id),
  created_at timestamptz(3) not null,
  completed_at timestamptz(3) not null,
  failed boolean not null,
  primary key (pool_id, workspace_id)
);

create index judged_builds_newest_idx on judged_builds (pool_id, created_at desc, workspace_id);
-- A pass looks only at pools where something failed.
create index judged_builds_failed_idx on judged_builds (pool_id) where failed;

-- Apart from the pool's own row, which is the reconcile lock and is written by nobody else.
create table pool_brakes (
  pool_id uuid primary key references pools (id),
  -- The preset they are about; when another one becomes active, the pool starts clean.
  preset_id uuid not null references presets (id),
  -- Builds created before do not count any more.
  judged_since timestamptz(3) not null,
  limited_at timestamptz(3),
  trial_at timestamptz(3),
  cooldown_ms integer,
  trial_workspace_id uuid,
  constraint pool_brakes_limited_check check (
    (limited_at is null) = (trial_at is null) and (limited_at is null) = (cooldown_ms is null)),
  constraint pool_brakes_trial_check check (trial_workspace_id is null or limited_at is not null)
);

create table pool_events (
  id uuid primary key,
  pool_id uuid not null references pools (id),
  kind text not null,
  workspace_id uuid,
  reason text,
  details jsonb not null default '{}',
  at timestamptz(3) not null
);

create index pool_events_pool_at_idx on pool_events (pool_id, at desc, id);

create table claims (
  id uuid primary key,
  organization_id uuid not null references organizations (id),
  template_id uuid not null references templates (id),
  user_id uuid not null references users (id),
  pool_id uuid references pools (id),
  -- Null for a miss that was answered with nothing.
  workspace_id uuid references workspaces (id),
  -- The owner's epoch; one workspace is handed to one person per epoch.
  epoch integer,
  outcome text not null,
  -- Of a miss.
  reason text,
  stage_ms jsonb not null,
  at timestamptz(3) not null,
  constraint claims_workspace_id_epoch_key unique (workspace_id, epoch),
  constraint claims_outcome_check check (outcome in ('hit', 'miss', 'failed')),
  constraint claims_reason_check check ((outcome = 'miss') = (reason is not null)),
  constraint claims_workspace_check check (
    (workspace_id is null) = (epoch is null) and (outcome = 'miss' or workspace_id is not null))
);

create index claims_pool_at_idx on claims (pool_id, at desc);

create table idempotency_keys (
  user_id uuid not null references users (id) on delete cascade,
  key text not null,
  body_hash bytea not null,
  workspace_id uuid not null references workspaces (id) on delete cascade,
  created_at timestamptz(3) not null,
  primary key (user_id, key),
  constraint idempotency_keys_key_check check (length(key) between 1 and 255)
);

create index idempotency_keys_created_at_idx on idempotency_keys (created_at);

create table settings (
  name text primary key,
  value jsonb not null
);

create table leases (
  name text primary key,
  holder uuid not null,
  -- Rises at every takeover.
  epoch bigint not null,
  expires_at timestamptz(3) not null
);

-- When something that watches signs of life last ran, and from when on silence may be judged again:
-- time in which signs of life could not be stored counts against nobody.
create table watches (
  name text primary key,
  last_at timestamptz(3) not null,
  judging_from timestamptz(3) not null
);
