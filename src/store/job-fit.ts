// Which daemon may do which job: a condition on `jobs j` and `daemons d` that every statement shares.

/**
 * The organization matches or the daemon serves the whole site; it has the driver and all the tags;
 * and what lives on one machine is only done there.
 */
export const DAEMON_FITS_JOB = `(
  (d.organization_id is null or d.organization_id = j.organization_id)
  and j.driver = any (d.drivers)
  and j.tags <@ d.tags
  and (j.machine_id is null or j.machine_id = d.machine_id))`;
