-- phase: expand
-- why: creations that wait are handed out by organization and age, and a plan that is made while there are few jobs
-- reads all that an organization ever had

create index jobs_waiting_creations_idx on jobs (organization_id, created_at, id)
  where status = 'pending' and class = 4;
