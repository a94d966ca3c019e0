// Which daemon may do which job, on `jobs j` and `daemons d`, for every statement that asks.
import { CONFINEMENT_SINCE_PROTOCOL_VERSION } from '../domain/job/protocol.ts';

/**
 * The organization matches or the daemon serves the whole site; it has the driver and all the tags;
 * and what lives on one machine is only done there.
 */
export const DAEMON_OFFERS_JOB = `(
  (d.organization_id is null or d.organization_id = j.organization_id)
  and j.driver = any (d.drivers)
  and j.tags <@ d.tags
  and (j.machine_id is null or j.machine_id = d.machine_id))`;

/** And it is new enough. */
export const DAEMON_FITS_JOB = `(
  ${DAEMON_OFFERS_JOB}
  and j.min_protocol_version <= d.protocol_version)`;

/** The oldest version of the provisioner protocol whose daemons may do what this manifest, an expression of SQL, asks for. */
export const protocolVersionOf = (manifest: string): string => `case
  when coalesce(${manifest} #>> '{process,sandbox}', 'none') <> 'none'
    or jsonb_path_exists(${manifest}, '$.process.limits.* ? (@ <> null)')
    then ${CONFINEMENT_SINCE_PROTOCOL_VERSION}
  else 1
end`;

/**
 * Whether `daemons d` is too old for the version of `builds b`. Asked of the version, not of the build's job: a control
 * plane of an older release queues those without what they ask for. Manifests are large; a daemon that is too old for
 * none has none read.
 */
export const IS_TOO_OLD_FOR_VERSION = `(
  case when d.protocol_version < ${CONFINEMENT_SINCE_PROTOCOL_VERSION} then (
    select ${protocolVersionOf('v.manifest')} > d.protocol_version
    from template_versions v
    where v.id = b.version_id) end)`;

/**
 * The machine that has to do a job which nobody works on: where its workspace lives. Taking a job
 * sets the machine of whoever took it, which must not outlast an attempt that left nothing there.
 */
export const HOME_MACHINE = `(
  select w.machine_id
  from builds b
  join workspaces w on w.id = b.workspace_id
  where b.job_id = j.id)`;
