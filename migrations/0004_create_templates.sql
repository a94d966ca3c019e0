-- phase: expand
-- why: templates, their immutable versions, presets, and the pools that outlive versions

create table files (
  hash bytea primary key,
  bytes bytea not null,
  created_by uuid not null references users (id),
  created_at timestamptz(3) not null,
  constraint files_hash_check check (hash = sha256(bytes))
);
-- The bytes are compressed already.
alter table files alter column bytes set storage external;

create table templates (
  id uuid primary key,
  organization_id uuid not null references organizations (id),
  name text not null,
  active_version_id uuid,
  -- What people are told; empty means not deprecated.
  deprecated text not null default '',
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  deleted_at timestamptz(3),
  constraint templates_name_check check (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$')
);

create unique index templates_name_key on templates (organization_id, name)
  where deleted_at is null;

create table template_versions (
  id uuid primary key,
  template_id uuid not null references templates (id),
  number integer not null,
  name text not null,
  message text not null,
  file_hash bytea not null references files (hash),
  manifest jsonb not null,
  import_job_id uuid not null references jobs (id),
  created_by uuid not null references users (id),
  created_at timestamptz(3) not null,
  constraint template_versions_template_id_number_key unique (template_id, number),
  constraint template_versions_template_id_name_key unique (template_id, name),
  constraint template_versions_import_job_id_key unique (import_job_id),
  -- The target of templates_active_version_fkey: a template's active version is its own.
  constraint template_versions_id_template_id_key unique (id, template_id)
);

alter table templates
  add constraint templates_active_version_fkey
  foreign key (active_version_id, id) references template_versions (id, template_id);

create table pools (
  id uuid primary key,
  organization_id uuid not null references organizations (id),
  template_id uuid not null references templates (id),
  preset_name text not null,
  paused boolean not null default false,
  size_override integer,
  last_invalidated_at timestamptz(3),
  created_at timestamptz(3) not null,
  constraint pools_template_id_preset_name_key unique (template_id, preset_name),
  constraint pools_size_override_check check (size_override between 0 and 1000)
);

create table presets (
  id uuid primary key,
  version_id uuid not null references template_versions (id),
  pool_id uuid references pools (id),
  name text not null,
  description text not null,
  is_default boolean not null default false,
  desired_instances integer,
  max_instances integer,
  ttl_seconds integer,
  timezone text not null default '',
  schedules jsonb not null default '[]',
  claim_order text not null default 'oldest',
  parameters jsonb not null default '{}',
  status text not null default 'healthy',
  validation_error text,
  constraint presets_version_id_name_key unique (version_id, name),
  constraint presets_description_check check (length(description) <= 128),
  constraint presets_desired_instances_check check (desired_instances between 0 and 1000),
  constraint presets_max_instances_check check (max_instances between 0 and 1000),
  constraint presets_ttl_seconds_check check (ttl_seconds = 0 or ttl_seconds >= 60),
  constraint presets_claim_order_check check (claim_order in ('oldest', 'newest')),
  constraint presets_status_check check (status in ('healthy', 'validation_failed')),
  constraint presets_validation_error_check
    check ((status = 'validation_failed') = (validation_error is not null)),
  constraint presets_pool_check check ((desired_instances is null) = (pool_id is null))
);

create unique index presets_default_key on presets (version_id) where is_default;
create index presets_pool_id_idx on presets (pool_id);
