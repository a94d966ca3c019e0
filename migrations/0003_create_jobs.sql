-- phase: expand
-- why: the queue of work for provisioner daemons, and the daemons that take it

create table provisioner_keys (
  id uuid primary key,
  -- Null: the key's daemons serve every organization.
  organization_id uuid references organizations (id) on delete cascade,
  name text not null,
  hash bytea not null,
  tags jsonb not null default '{}',
  created_at timestamptz(3) not null,
  revoked_at timestamptz(3),
  constraint provisioner_keys_hash_key unique (hash),
  constraint provisioner_keys_hash_check check (octet_length(hash) = 32)
);

create table daemons (
  id uuid primary key,
  key_id uuid not null references provisioner_keys (id) on delete cascade,
  organization_id uuid references organizations (id) on delete cascade,
  name text not null,
  machine_id text not null,
  drivers text[] not null,
  tags jsonb not null default '{}',
  slots integer not null,
  version text not null,
  protocol_version integer not null,
  -- Rises with every registration; calls of an earlier process of the same daemon are refused.
  incarnation integer not null default 1,
  registered_at timestamptz(3) not null,
  last_seen_at timestamptz(3) not null,
  constraint daemons_slots_check check (slots between 1 and 1000)
);

create table jobs (
  id uuid primary key,
  type text not null,
  organization_id uuid not null references organizations (id),
  driver text not null,
  tags jsonb not null default '{}',
  -- Set when only one machine can do it: its daemon built what the job is about.
  machine_id text,
  initiator_id uuid not null references users (id),
  -- 1 claims, 2 people, 3 pool deletes, 4 creations and rehearsals.
  class smallint not null,
  created_at timestamptz(3) not null,
  acquired_at timestamptz(3),
  heartbeat_at timestamptz(3),
  canceled_at timestamptz(3),
  completed_at timestamptz(3),
  daemon_id uuid references daemons (id) on delete set null,
  attempt integer not null default 0,
  error text,
  error_code text,
  log_bytes integer not null default 0,
  log_truncated boolean not null default false,
  -- What was asked for exists, even where a cancel came too late to stop it.
  succeeded boolean not null default false,
  status text not null generated always as (
    case
      when completed_at is not null and error is not null then 'failed'
      when completed_at is not null and succeeded then 'succeeded'
      when completed_at is not null then 'canceled'
      when canceled_at is not null then 'canceling'
      when acquired_at is not null then 'running'
      else 'pending'
    end) stored,
  constraint jobs_type_check
    check (type in ('workspace_build', 'template_version_import', 'rehearsal')),
  constraint jobs_class_check check (class between 1 and 4),
  constraint jobs_attempt_check check (attempt >= 0),
  constraint jobs_acquired_check check (acquired_at is null or attempt > 0),
  constraint jobs_daemon_check check (daemon_id is null or acquired_at is not null),
  constraint jobs_heartbeat_check check ((heartbeat_at is null) = (acquired_at is null)),
  constraint jobs_error_check check (error is null or completed_at is not null),
  constraint jobs_error_code_check check ((error_code is null) = (error is null)),
  -- A cancel that waits for an answer needs somebody who works on the job.
  constraint jobs_canceling_check
    check (canceled_at is null or completed_at is not null or acquired_at is not null),
  constraint jobs_succeeded_check
    check (not succeeded or (completed_at is not null and error is null)),
  constraint jobs_completed_check
    check (completed_at is null or error is not null or canceled_at is not null or succeeded)
);

create index jobs_pending_idx on jobs (class, created_at, id) where status = 'pending';
create index jobs_active_idx on jobs (heartbeat_at) where status in ('running', 'canceling');
-- Ids are ordered by time.
create index jobs_organization_id_idx on jobs (organization_id, id);

create table job_logs (
  job_id uuid not null references jobs (id) on delete cascade,
  attempt integer not null,
  -- Counted by the daemon within an attempt, so that lines sent twice are stored once.
  seq integer not null,
  at timestamptz(3) not null,
  level text not null,
  line text not null,
  primary key (job_id, attempt, seq),
  constraint job_logs_level_check check (level in ('debug', 'info', 'warn', 'error'))
);
