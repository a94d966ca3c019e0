// A daemon's wait for work.
import { isAborted } from '../base/abort.ts';
import { AppError } from '../base/app-error.ts';
import { failpoint } from '../base/failpoint.ts';
import type { Kit } from '../base/kit.ts';
import type { Keyring } from '../keys/keyring.ts';
import { openParameters } from '../keys/secret-parameters.ts';
import type { Database } from '../store/database.ts';
import { releaseJob, type TakenJob } from '../store/job-acquire.ts';
import { findStrayBuild } from '../store/stray-state.ts';
import type { DaemonRef } from './attempt.ts';
import type { Dispatcher } from './dispatcher.ts';
import { finishJob } from './finish-job.ts';
import { lockJob } from './locked-job.ts';

export interface AcquireDeps extends Kit {
  readonly database: Database;
  readonly keyring: Keyring;
  readonly dispatcher: Dispatcher;
}

export interface AcquireOptions {
  readonly signal: AbortSignal;
  /** How long the answer may take when there is nothing to do. */
  readonly waitMs: number;
}

/** To abort without a reason makes one, with a stack trace, for every job. */
const ENDED = new Error('the wait has ended');

/**
 * The next job for one slot of the daemon, or undefined when there was none in time. Throws NOT_FOUND
 * for a daemon that this key did not register, DAEMON_REPLACED when it has a newer process, and
 * UNAUTHENTICATED when its key is revoked while it waits.
 */
export async function acquireJob(
  deps: AcquireDeps,
  daemon: DaemonRef,
  { signal, waitMs }: AcquireOptions,
): Promise<TakenJob | undefined> {
  const { clock, dispatcher } = deps;
  const offer = await dispatcher.offers.get(daemon);
  if (isAborted(signal)) return undefined;

  const settled = new AbortController();
  const over = new AbortController();
  const end = (): void => over.abort(ENDED);
  signal.addEventListener('abort', end, { once: true });
  const timer = clock.sleep(waitMs, settled.signal).then(
    end,
    () => undefined, // there was a job in time
  );
  let taken: TakenJob | undefined;
  try {
    const slot = { ...daemon, machineId: offer.machineId };
    taken = await dispatcher.groupOf(offer).wait(slot, over.signal);
  } catch (error) {
    dispatcher.offers.forget(daemon);
    // The daemon may have been forgotten rather than replaced: its database was restored.
    if (error instanceof AppError && error.code === 'DAEMON_REPLACED') {
      await dispatcher.offers.get(daemon);
    }
    throw error;
  } finally {
    signal.removeEventListener('abort', end);
    settled.abort(ENDED);
    await timer;
  }
  if (taken === undefined) return undefined;
  await failpoint('job.taken');
  if (isAborted(signal)) {
    await giveBack(deps, taken);
    return undefined;
  }
  // One that was queued again was not waiting all the time since.
  if (taken.attempt === 1) {
    deps.meter.observe('provisioner_job_queue_wait', taken.waitedMs, {
      class: String(taken.class),
    });
  }
  const job = await withSecrets(deps, await withStray(deps.database, taken));
  announce(deps, daemon, job);
  return job;
}

function announce(
  { database, log }: AcquireDeps,
  { daemonId }: DaemonRef,
  { id: jobId, attempt, organizationId, build }: TakenJob,
): void {
  const workspaceId = build?.workspaceId;
  log.info('job.acquired', { jobId, attempt, organizationId, workspaceId, daemonId });
  database.announce([
    { kind: 'job', jobId },
    ...(workspaceId === undefined ? [] : [{ kind: 'workspace', workspaceId } as const]),
  ]);
}
/** A cleanup is about a former build, which is not worth joining to every acquisition. */
async function withStray(database: Database, taken: TakenJob): Promise<TakenJob> {
  if (taken.type !== 'stray_cleanup') return taken;
  return { ...taken, ...(await findStrayBuild.one(database, { jobId: taken.id })) };
}

/** The daemon gets the values of sensitive parameters with the others. */
async function withSecrets({ database, keyring }: AcquireDeps, job: TakenJob): Promise<TakenJob> {
  const { build } = job;
  const id = build?.secretParametersId ?? null;
  if (build === null || id === null) return job;
  const secrets = await openParameters({ on: database, keyring }, build.workspaceId, id);
  return { ...job, build: { ...build, parameters: { ...build.parameters, ...secrets } } };
}

/** Nobody is left to hear the answer: without this the job would stay silent until it counts as hung. */
async function giveBack(
  { database, ...kit }: AcquireDeps,
  { id, attempt }: TakenJob,
): Promise<void> {
  const released = await releaseJob.maybe(database, { id, attempt });
  if (released !== undefined) {
    kit.log.info('job.given_back', { jobId: id, attempt });
    database.announce([{ kind: 'queue', ...released }]);
    return;
  }
  // Canceled meanwhile, it waits for a daemon to say that it has stopped.
  await database.transaction(async (tx) => {
    const locked = await lockJob(tx, id);
    if (locked?.job.status !== 'canceling' || locked.job.attempt !== attempt) return;
    await finishJob(kit, tx, { locked, result: { outcome: 'canceled' } });
  });
}
