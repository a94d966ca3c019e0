-- phase: expand
-- why: rows that name each other have to agree about what they share: organization, template, pool

-- Each of these stands for several keys, and is checked once instead of once for each.
alter table templates
  add constraint templates_id_organization_id_key unique (id, organization_id);

alter table pools
  add constraint pools_id_template_id_key unique (id, template_id),
  drop constraint pools_organization_id_fkey,
  drop constraint pools_template_id_fkey,
  add constraint pools_template_fkey
    foreign key (template_id, organization_id) references templates (id, organization_id);

alter table workspaces
  drop constraint workspaces_organization_id_fkey,
  drop constraint workspaces_template_id_fkey,
  drop constraint workspaces_pool_id_fkey,
  add constraint workspaces_template_fkey
    foreign key (template_id, organization_id) references templates (id, organization_id),
  add constraint workspaces_pool_fkey
    foreign key (pool_id, template_id) references pools (id, template_id);

alter table presets
  add constraint presets_id_pool_id_version_id_key unique (id, pool_id, version_id),
  -- What cannot be read cannot be decided.
  add constraint presets_schedules_check check (jsonb_typeof(schedules) = 'array'),
  add constraint presets_parameters_check check (jsonb_typeof(parameters) = 'object');

alter table pool_members
  drop constraint pool_members_pool_id_fkey,
  drop constraint pool_members_preset_id_fkey,
  drop constraint pool_members_version_id_fkey,
  add constraint pool_members_preset_fkey
    foreign key (preset_id, pool_id, version_id) references presets (id, pool_id, version_id),
  add constraint pool_members_build_number_check check (build_number >= 1);

alter table builds
  add constraint builds_stage_number_check check (
    case stage
      when 'create' then number = 1 and transition = 'start'
      when 'claim' then number > 1 and transition = 'start'
      else true
    end);

alter table agents
  add constraint agents_id_workspace_id_key unique (id, workspace_id);

alter table agent_sessions
  drop constraint agent_sessions_agent_id_fkey,
  drop constraint agent_sessions_workspace_id_fkey,
  add constraint agent_sessions_agent_fkey
    foreign key (agent_id, workspace_id) references agents (id, workspace_id) on delete cascade;

alter table pool_brakes
  add constraint pool_brakes_cooldown_ms_check check (cooldown_ms > 0);

alter table claims
  -- Epoch 0 is the pool's.
  add constraint claims_epoch_check check (epoch >= 1);
