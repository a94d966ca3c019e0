// Which daemon may do which job, on `jobs j` and `daemons d`, for every statement that asks.

/**
 * The organization matches or the daemon serves the whole site; it has the driver and all the tags;
 * it is new enough; and what lives on one machine is only done there.
 */
export const DAEMON_FITS_JOB = `(
  (d.organization_id is null or d.organization_id = j.organization_id)
  and j.driver = any (d.drivers)
  and j.tags <@ d.tags
  and j.min_protocol_version <= d.protocol_version
  and (j.machine_id is null or j.machine_id = d.machine_id))`;

/**
 * The machine that has to do a job which nobody works on: where its workspace lives. Taking a job
 * sets the machine of whoever took it, which must not outlast an attempt that left nothing there.
 */
export const HOME_MACHINE = `(
  select w.machine_id
  from builds b
  join workspaces w on w.id = b.workspace_id
  where b.job_id = j.id)`;
