-- phase: expand
-- why: a daemon older than the process driver's sandbox and limits would run such versions without them

-- Stops and deletes run nothing, and any daemon may do them.
with confined as materialized (
  select id, import_job_id
  from template_versions
  where coalesce(manifest #>> '{process,sandbox}', 'none') <> 'none'
    or jsonb_path_exists(manifest, '$.process.limits.* ? (@ <> null)')
)
update jobs j
set min_protocol_version = 4
where j.completed_at is null
  and j.id in (
    select b.job_id
    from confined c
    join builds b on b.version_id = c.id
    where b.transition = 'start'
    union all
    select import_job_id
    from confined);
