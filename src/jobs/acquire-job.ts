// A daemon's wait for work.
import { isAborted } from '../base/abort.ts';
import { AppError } from '../base/app-error.ts';
import { failpoint } from '../base/failpoint.ts';
import { createId, type AcquireCallId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { SealBroken } from '../base/seal.ts';
import { JOB_FAILURES } from '../domain/job/failure.ts';
import { PLANNING_DRIVERS } from '../domain/job/rehearsal.ts';
import type { Keyring } from '../keys/keyring.ts';
import type { Database } from '../store/database.ts';
import type { TakenBuild, TakenJob } from '../store/job-acquire.ts';
import type { DaemonRef } from './attempt.ts';
import type { Dispatcher } from './dispatcher.ts';
import { fillJob } from './fill-job.ts';
import type { Ending } from './handed-builds.ts';
import { endUntold, giveBack, giveBackLost, type Untold } from './untold-attempt.ts';

/** From this class on nobody waits for the end of a build: pools ask for them, and schedules that stop. */
const UNAWAITED = 3;

export interface AcquireDeps extends Kit {
  readonly database: Database;
  readonly keyring: Keyring;
  readonly dispatcher: Dispatcher;
}

export interface AcquireOptions {
  readonly signal: AbortSignal;
  /** How long the answer may take when there is nothing to do. */
  readonly waitMs: number;
  /** What the daemon calls this call by; without it, it cannot name it later. */
  readonly callId?: AcquireCallId;
  /** Former calls to which the daemon got no answer. */
  readonly lostCalls?: readonly AcquireCallId[];
  /** Nothing is taken: the call is there for what `lostCalls` names. */
  readonly givesBackOnly?: boolean;
}

/**
 * The next job for one slot of the daemon, or undefined when there was none in time. Throws NOT_FOUND
 * for a daemon that this key did not register, DAEMON_REPLACED when it has a newer process, and
 * UNAUTHENTICATED when its key is revoked while it waits.
 */
export async function acquireJob(
  deps: AcquireDeps,
  daemon: DaemonRef,
  options: AcquireOptions,
): Promise<TakenJob | undefined> {
  const { dispatcher } = deps;
  const { signal, waitMs, callId = createId<AcquireCallId>(deps), lostCalls = [] } = options;
  const offer = await dispatcher.offers.get(daemon);
  await giveBackLost(deps, daemon, lostCalls);
  if (options.givesBackOnly === true || isAborted(signal)) return undefined;

  let taken: TakenJob | undefined;
  try {
    const slot = { ...daemon, machineId: offer.machineId, callId };
    taken = await dispatcher.groupOf(offer).wait(slot, { signal, waitMs });
  } catch (error) {
    dispatcher.offers.forget(daemon);
    // The daemon may have been forgotten rather than replaced: its database was restored.
    if (error instanceof AppError && error.code === 'DAEMON_REPLACED') {
      await dispatcher.offers.get(daemon);
    }
    throw error;
  }
  if (taken === undefined) return undefined;
  return tellJob(deps, daemon, { taken, callId, signal });
}

/** The job as its daemon is told of it; undefined when there is nobody to tell, or nobody can do it. */
export async function tellJob(
  deps: AcquireDeps,
  daemon: DaemonRef,
  call: {
    readonly taken: TakenJob;
    readonly callId: AcquireCallId;
    readonly signal: AbortSignal;
  },
): Promise<TakenJob | undefined> {
  const { taken, callId, signal } = call;
  await failpoint('job.taken');
  const untold = { id: taken.id, attempt: taken.attempt, takenByCall: callId };
  const job = await fillOrEnd(deps, taken, untold);
  if (job === undefined) return undefined;
  if (job.type === 'workspace_build' && job.build !== null) {
    const { workspaceId } = job.build;
    deps.dispatcher.builds.note(job.id, { workspaceId, ending: endingOf(job, job.build) });
  }
  // Asked last: until here the caller may have hung up.
  if (isAborted(signal)) {
    await giveBack(deps, untold);
    return undefined;
  }
  // One that was queued again was not waiting all the time since.
  if (taken.attempt === 1) {
    deps.meter.observe('provisioner_job_queue_wait', taken.waitedMs, {
      class: String(taken.class),
    });
  }
  announce(deps, daemon, job);
  return job;
}

/** What may be rehearsed with locks its preset, and a delete its states: either may have to wait for somebody. */
function endingOf({ class: jobClass, driver }: TakenJob, { stage }: TakenBuild): Ending {
  if (jobClass < UNAWAITED) return 'at once';
  return stage === 'create' && !PLANNING_DRIVERS.includes(driver) ? 'together' : 'gives way';
}

/** Undefined when nobody can ever do it. Whatever else goes wrong, the job is not lost with it. */
async function fillOrEnd(
  deps: AcquireDeps,
  taken: TakenJob,
  untold: Untold,
): Promise<TakenJob | undefined> {
  try {
    return await fillJob(deps, taken);
  } catch (error) {
    if (!(error instanceof SealBroken)) {
      await giveBack(deps, untold);
      throw error;
    }
    deps.log.critical('job.secrets_broken', { jobId: taken.id, error });
    await endUntold(deps, untold, {
      outcome: 'failed',
      error: `${error.message}: it was changed in the database, or is not this workspace's; restore it from a backup`,
      errorCode: JOB_FAILURES.secretsBroken,
    });
    return undefined;
  }
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
