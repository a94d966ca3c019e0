// The routes about provisioner jobs.
import { AppError } from '../../base/app-error.ts';
import { formatInstant } from '../../base/clock.ts';
import type { JobId } from '../../base/id.ts';
import type { jobRoutes } from '../../contract/job/route.ts';
import { isEnded, type JobStatus } from '../../domain/job/job.ts';
import { isAllowed, requireAllowed } from '../../domain/permission/permission.ts';
import { findEndOfLife, LIFE_REASONS } from '../../domain/workspace/life.ts';
import { cancelJob } from '../../jobs/cancel-job.ts';
import { getVisibleOrganization } from '../../people/organization.ts';
import { listLogLines } from '../../store/job-log.ts';
import { findVisibleJob, listJobs, type JobRow } from '../../store/job-view.ts';
import type { Handlers, PersonCaller } from '../handler.ts';
import { idCursor, pageOf, rowsToRead } from '../page.ts';
import { followLog, type FollowLogDeps } from './follow-log.ts';
import { formatLogPosition, parseLogPosition } from './log-position.ts';
import { viewJob } from './view.ts';

/** Lines in one answer; who follows comes back at once while there are more. */
const LOG_LINES = 1_000;

export function createJobHandlers(
  deps: FollowLogDeps,
  { pollMs }: { readonly pollMs: number },
): Handlers<keyof typeof jobRoutes> {
  const { database, log } = deps;
  const getVisible = async (caller: PersonCaller, job: string): Promise<JobRow> => {
    const asMember = caller.isAdmin ? null : caller.userId;
    const row = await findVisibleJob.maybe(database, { id: job as JobId, asMember });
    if (row === undefined) throw new AppError('NOT_FOUND', `there is no job ${job}`);
    return row;
  };
  return {
    listJobs: async ({ caller, params, query }) => {
      const organization = await getVisibleOrganization(database, caller, params.organization);
      const rows = await listJobs(database, {
        organizationId: organization.id,
        status: query.status ?? null,
        before: idCursor<JobId>(query),
        limit: rowsToRead(query),
      });
      const show = { view: viewJob, key: (row: JobRow) => row.id };
      return { status: 200, body: pageOf(query, rows, show) };
    },

    getJob: async ({ caller, params }) => ({
      status: 200,
      body: viewJob(await getVisible(caller, params.job)),
    }),

    cancelJob: async ({ caller, params, query }) => {
      const job = await getVisible(caller, params.job);
      requireMayCancel(caller, job);
      if (isEnded(job.status)) throw jobEnded(job.id, job.status);
      if (query.dry_run === 'true') return { status: 200, body: viewJob(job) };
      const asked = await database.transaction((tx) => cancelJob(deps, tx, job.id));
      if (asked === undefined) throw new AppError('NOT_FOUND', `there is no job ${job.id}`);
      if (isEnded(asked.before)) throw jobEnded(job.id, asked.before);
      log.info('job.cancel_asked', { jobId: job.id, userId: caller.userId, ...asked });
      return { status: 200, body: viewJob(await getVisible(caller, params.job)) };
    },

    getJobLogs: async ({ caller, params, query }) => {
      const after = parseLogPosition(query.after);
      // Read before the lines: after a job's end no further ones come.
      const job = await getVisible(caller, params.job);
      const lines = await listLogLines.all(database, {
        jobId: job.id,
        afterAttempt: after.attempt,
        afterSeq: after.seq,
        limit: LOG_LINES,
      });
      return {
        status: 200,
        body: {
          entries: lines.map((line) => ({ ...line, at: formatInstant(line.at) })),
          next: formatLogPosition(lines.at(-1) ?? after),
          complete: job.completedAt !== null && lines.length < LOG_LINES,
          truncated: job.logTruncated,
          pruned: job.logPruned,
        },
      };
    },

    followJobLog: async ({ caller, params, query, headers, signal }) => {
      const after =
        headers['last-event-id'] === undefined
          ? parseLogPosition(query.after)
          : parseLogPosition(headers['last-event-id'], 'header.last-event-id');
      const look = (): Promise<JobRow> => getVisible(caller, params.job);
      const { id } = await look();
      return { status: 200, body: followLog(deps, { id, look }, { after, signal, pollMs }) };
    },
  };
}

function requireMayCancel(caller: PersonCaller, { id, initiatorId, build }: JobRow): void {
  requireAllowed(caller, 'job.cancel', { ownerId: initiatorId });
  const end = build === null ? undefined : findEndOfLife(build.reason);
  if (build === null || end === undefined || isAllowed(caller, 'job.cancel_end_of_life')) return;
  throw new AppError(
    'FORBIDDEN',
    `the delete of workspace ${build.workspace} was begun ${LIFE_REASONS[end]} (${end}): ` +
      `only an administrator may cancel job ${id}`,
  );
}

function jobEnded(id: JobId, status: JobStatus): AppError {
  return new AppError(
    'JOB_ENDED',
    `job ${id} has ${status === 'canceled' ? 'been ' : ''}${status} already`,
  );
}
