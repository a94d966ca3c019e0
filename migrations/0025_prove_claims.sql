-- phase: expand
-- why: a claim counts once the agents of what was taken have answered it; one that they do not answer is void

alter table claims drop constraint claims_outcome_check;
alter table claims add constraint claims_outcome_check check (
  -- taken: the agents have yet to answer, and nobody was told of it.
  outcome in ('taken', 'hit', 'miss', 'failed', 'void'));

-- Holds what somebody has to settle: as long as claims are answered, next to nothing.
create index claims_taken_idx on claims (at) where outcome = 'taken';

alter table workspaces
  -- When it was taken back from a claim that its agents did not answer. It is the pool's from then on, to be
  -- deleted, and nobody is ever given it again.
  add column voided_at timestamptz(3);
alter table workspaces drop constraint workspaces_unclaimed_check;
alter table workspaces
  add constraint workspaces_unclaimed_check check (
    owner_id <> '00000000-0000-7000-8000-000000000001'
    or (origin = 'prebuild' and (epoch = 0 or voided_at is not null)
      and automatic_updates = 'never' and autostart_schedule is null and next_start_at is null
      and ttl_seconds is null and deadline_at is null and dormant_at is null)),
  add constraint workspaces_voided_at_check check (
    voided_at is null or owner_id = '00000000-0000-7000-8000-000000000001');
