-- phase: expand
-- why: people see which Terraform or OpenTofu, and which version of it, a daemon works with

-- By driver; only of drivers that work with a tool of the machine.
alter table daemons add column tools jsonb not null default '{}';
