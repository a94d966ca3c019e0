-- phase: expand
-- why: as for workspaces

create function check_build(it builds) returns boolean
  language plpgsql immutable parallel safe
as $$
declare
  broken constant text := case
    when not it.number >= 1 then 'builds_number_check'
    when it.transition not in ('start', 'stop', 'delete') then 'builds_transition_check'
    when it.stage not in ('none', 'create', 'claim') then 'builds_stage_check'
    when not case it.stage
      when 'create' then it.number = 1 and it.transition = 'start'
      when 'claim' then it.number > 1 and it.transition = 'start'
      else true
    end
      then 'builds_stage_number_check'
    when not it.daily_cost >= 0 then 'builds_daily_cost_check'
    when not (it.replaced = '[]'
      or (it.stage = 'claim' and jsonb_typeof(it.replaced) = 'array'))
      then 'builds_replaced_check'
    when (it.secret_outputs is null) <> (it.secret_outputs_key_id is null)
      then 'builds_secret_outputs_check'
  end;
begin
  if broken is not null then
    raise check_violation using
      table = 'builds', constraint = broken,
      message = format('new row for relation "builds" violates check constraint "%s"', broken);
  end if;
  return true;
end $$;

alter table builds
  add constraint builds_row_check check (check_build(builds)) not valid,
  drop constraint builds_number_check,
  drop constraint builds_transition_check,
  drop constraint builds_stage_check,
  drop constraint builds_stage_number_check,
  drop constraint builds_daily_cost_check,
  drop constraint builds_replaced_check,
  drop constraint builds_secret_outputs_check;
