-- phase: expand
-- why: a daemon older than sensitive parameters would write their values into logs and errors

-- The oldest version of the provisioner protocol whose daemons may do the job.
alter table jobs add column min_protocol_version integer not null default 1;

update jobs j
set min_protocol_version = 2
from builds b
where b.job_id = j.id
  and b.secret_parameters_id is not null
  and j.completed_at is null;
