-- phase: expand
-- why: a daemon older than the process driver's sandbox and limits would run such versions without them

-- Also of jobs that have ended: the latest build's says which daemons may bring its workspace back.
with confined as materialized (
  select id, import_job_id
  from template_versions
  where coalesce(manifest #>> '{process,sandbox}', 'none') <> 'none'
    or jsonb_path_exists(manifest, '$.process.limits.* ? (@ <> null)')
)
update jobs j
set min_protocol_version = 4
where j.id in (
  select b.job_id
  from confined c
  join builds b on b.version_id = c.id
  union all
  select import_job_id
  from confined);
