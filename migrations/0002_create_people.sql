-- phase: expand
-- why: organizations, the people in them, and the tokens by which they are known

create table organizations (
  id uuid primary key,
  name text not null,
  display_name text not null,
  created_at timestamptz(3) not null,
  constraint organizations_name_key unique (name),
  constraint organizations_name_check check (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$')
);

create table users (
  id uuid primary key,
  username text not null,
  email text,
  display_name text not null,
  is_system boolean not null default false,
  status text not null default 'active',
  site_roles text[] not null default '{}',
  created_at timestamptz(3) not null,
  constraint users_username_key unique (username),
  constraint users_username_check check (username ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  constraint users_status_check check (status in ('active', 'suspended')),
  constraint users_site_roles_check check (site_roles <@ array['admin']),
  constraint users_system_has_no_roles_check check (not is_system or site_roles = '{}'),
  -- The target of foreign keys that must not point at the system user.
  constraint users_id_is_system_key unique (id, is_system)
);

-- The owner of every prebuild that nobody has claimed yet. It cannot log in: see tokens.
insert into users (id, username, display_name, is_system, created_at)
values ('00000000-0000-7000-8000-000000000001', 'prebuilds', 'Prebuilds', true, standby_now());

create table memberships (
  organization_id uuid not null references organizations (id) on delete cascade,
  user_id uuid not null references users (id) on delete cascade,
  roles text[] not null default '{}',
  created_at timestamptz(3) not null,
  primary key (organization_id, user_id)
);

create index memberships_user_id_idx on memberships (user_id);

create table groups (
  id uuid primary key,
  organization_id uuid not null references organizations (id) on delete cascade,
  name text not null,
  display_name text not null,
  quota_allowance integer not null default 0,
  created_at timestamptz(3) not null,
  constraint groups_organization_id_name_key unique (organization_id, name),
  constraint groups_quota_allowance_check check (quota_allowance >= 0)
);

create table group_members (
  group_id uuid not null references groups (id) on delete cascade,
  user_id uuid not null references users (id) on delete cascade,
  primary key (group_id, user_id)
);

-- Only the SHA-256 of a token is kept: it is 256 random bits, so a slow hash would add nothing.
create table tokens (
  id uuid primary key,
  user_id uuid not null,
  user_is_system boolean not null default false,
  name text not null,
  hash bytea not null,
  created_at timestamptz(3) not null,
  expires_at timestamptz(3),
  last_used_at timestamptz(3),
  revoked_at timestamptz(3),
  constraint tokens_hash_key unique (hash),
  constraint tokens_hash_check check (octet_length(hash) = 32),
  constraint tokens_name_check check (length(name) between 1 and 128),
  constraint tokens_not_for_system_check check (not user_is_system),
  constraint tokens_user_fkey foreign key (user_id, user_is_system)
    references users (id, is_system) on delete cascade
);

create index tokens_user_id_idx on tokens (user_id);
