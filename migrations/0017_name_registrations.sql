-- phase: expand
-- why: a registration whose answer was lost is made again, and may be carried out after that

-- What the daemon calls the registration that its row stands for; null for one that does not say.
alter table daemons add column registration_id uuid;

-- The process of the daemon that took the attempt that runs; of no meaning once it has ended.
alter table jobs add column taken_by_incarnation integer;
