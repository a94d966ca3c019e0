-- phase: expand
-- why: a daemon that got no answer to its call for work names the call, and what it was given is given back

-- The call by which the attempt that runs was taken; of no meaning once it has ended.
alter table jobs add column taken_by_call uuid;
