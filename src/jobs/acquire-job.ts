// A daemon's wait for work.
import { failpoint } from '../base/failpoint.ts';
import type { Kit } from '../base/kit.ts';
import { MACHINE_BOUND_DRIVERS } from '../domain/job/job.ts';
import { findDaemon } from '../store/daemon.ts';
import type { Database } from '../store/database.ts';
import { acquireNextJob, releaseJob, type TakenJob } from '../store/job-acquire.ts';
import { findStrayBuild } from '../store/stray-state.ts';
import { waitFor } from '../store/long-poll.ts';
import type { Notice } from '../store/notice.ts';
import type { NoticeBus } from '../store/notice-bus.ts';
import { daemonReplaced, unknownDaemon, type DaemonRef } from './attempt.ts';

export interface AcquireDeps extends Kit {
  readonly database: Database;
  readonly bus: Pick<NoticeBus, 'subscribe'>;
}

export interface AcquireOptions {
  readonly signal: AbortSignal;
  /** How long the answer may take when there is nothing to do. */
  readonly waitMs: number;
  /** How often to look without a notice. */
  readonly pollMs: number;
}

/**
 * The next job for the daemon, or undefined when there was none in time. Throws NOT_FOUND for a
 * daemon that this key did not register, and DAEMON_REPLACED when it has a newer process.
 */
export async function acquireJob(
  deps: AcquireDeps,
  daemon: DaemonRef,
  { signal, waitMs, pollMs }: AcquireOptions,
): Promise<TakenJob | undefined> {
  const { database } = deps;
  const registered = await findDaemon.maybe(database, { id: daemon.daemonId, keyId: daemon.keyId });
  if (registered === undefined) throw unknownDaemon(daemon);

  const look = async (): Promise<TakenJob | undefined> => {
    const row = await acquireNextJob.maybe(database, {
      ...daemon,
      machineBoundDrivers: MACHINE_BOUND_DRIVERS,
    });
    if (row === undefined) throw daemonReplaced(daemon);
    return row.job ?? undefined;
  };
  const wanted = (notice: Notice): boolean =>
    notice.kind === 'queue' &&
    registered.drivers.includes(notice.driver) &&
    (registered.organizationId === null || registered.organizationId === notice.organizationId);

  const taken = await waitFor(deps, { wanted, look }, { signal, timeoutMs: waitMs, pollMs });
  if (taken === undefined) return undefined;
  await failpoint('job.taken');
  if (signal.aborted) {
    await giveBack(deps, taken);
    return undefined;
  }
  const job = await withStray(database, taken);
  const { id: jobId, attempt, organizationId } = job;
  const workspaceId = job.build?.workspaceId;
  deps.log.info('job.acquired', {
    jobId,
    attempt,
    organizationId,
    workspaceId,
    daemonId: daemon.daemonId,
  });
  database.announce([
    { kind: 'job', jobId },
    ...(workspaceId === undefined ? [] : [{ kind: 'workspace', workspaceId } as const]),
  ]);
  return job;
}

/** A cleanup is about a former build, which is not worth joining to every acquisition. */
async function withStray(database: Database, taken: TakenJob): Promise<TakenJob> {
  if (taken.type !== 'stray_cleanup') return taken;
  return { ...taken, ...(await findStrayBuild.one(database, { jobId: taken.id })) };
}

/** Nobody is left to hear the answer: without this the job would stay silent until it counts as hung. */
async function giveBack({ database, log }: AcquireDeps, { id, attempt }: TakenJob): Promise<void> {
  const released = await releaseJob.maybe(database, { id, attempt });
  if (released === undefined) return;
  log.info('job.given_back', { jobId: id, attempt });
  database.announce([{ kind: 'queue', ...released }]);
}
