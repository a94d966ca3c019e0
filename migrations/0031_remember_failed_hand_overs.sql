-- phase: expand
-- why: an agent that lost its folder would call a workspace ready whose hand-over had failed

alter table agents
  -- Whether the owner of applied_epoch was taken over well.
  add column applied_ok boolean not null default true;
