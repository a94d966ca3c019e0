// One attempt at one job, from its acquisition to the control plane's receipt of its result.
import { AppError, toAppError } from '../base/app-error.ts';
import { assertNever } from '../base/assert-never.ts';
import { createBackoff } from '../base/backoff.ts';
import { failpoint } from '../base/failpoint.ts';
import type { Kit } from '../base/kit.ts';
import type { AcquiredJob, JobResult } from '../contract/provisioner/protocol.ts';
import { askUntilAnswered } from './ask.ts';
import type { AttemptRef, ControlPlane } from './control-plane.ts';
import type { Driver, DriverContext, Started } from './driver.ts';
import { createLogBuffer } from './log-buffer.ts';
import { beat, beatOnce, isAttemptOver, nameOf, type PulseDeps } from './pulse.ts';
import type { Registered, Registration } from './registration.ts';
import { createStateKeeper } from './state-keeper.ts';
import { StopWork } from './stop-work.ts';
import type { AttemptFolder } from './work-folder.ts';

export interface AttemptDeps {
  readonly kit: Kit;
  readonly controlPlane: ControlPlane;
  readonly drivers: ReadonlyMap<string, Driver>;
  /** Aborted with a StopWork when the daemon cannot wait for its attempts any longer. */
  readonly stopWork: AbortSignal;
  /** Aborted when the daemon cannot even wait for answers any longer. */
  readonly giveUp: AbortSignal;
  openFolder(job: AcquiredJob): Promise<AttemptFolder>;
  readonly registration: Pick<Registration, 'refused'>;
}

/** unkept: its state could not be stored before the daemon ends, so that nothing may be reported. */
type Ending = JobResult | 'stale' | 'unkept';

const COMPLETE_RETRY = { firstMs: 250, maxMs: 10_000 };

/** Does the job and reports its result. Never rejects. */
export async function runAttempt(
  deps: AttemptDeps,
  job: AcquiredJob,
  registered: Registered,
): Promise<void> {
  const attempt: AttemptRef = { ...registered, jobId: job.id, attempt: job.attempt };
  const logs = createLogBuffer(deps.kit.clock);
  const work = new AbortController();
  const stop = (): void => work.abort(deps.stopWork.reason);
  if (deps.stopWork.aborted) stop();
  deps.stopWork.addEventListener('abort', stop, { once: true });
  const done = new AbortController();
  const pulse: PulseDeps = {
    kit: deps.kit,
    controlPlane: deps.controlPlane,
    attempt,
    logs,
    onCancel: () => work.abort(new StopWork('canceled')),
    onStale: (error) => {
      noteRefusal(deps, error, attempt);
      work.abort(new StopWork('stale'));
    },
  };
  const beating = beat(pulse, registered.heartbeatIntervalMs, done.signal);
  const ending = await perform(deps, job, {
    attempt,
    log: (...line) => logs.add(...line),
    signal: work.signal,
    onOvertaken: () => work.abort(new StopWork('stale')),
  });
  done.abort();
  await beating;
  deps.stopWork.removeEventListener('abort', stop);
  if (ending === 'unkept') return;
  if (ending !== 'stale' && (await complete(deps, pulse, ending))) return;
  await undo(deps, job);
}

interface Performance extends Pick<DriverContext, 'log' | 'signal'> {
  readonly attempt: AttemptRef;
  /** Another attempt has taken the lock of the workspace's state. */
  onOvertaken(): void;
}

/** Runs the driver, in a folder of the attempt's own. */
async function perform(
  deps: AttemptDeps,
  job: AcquiredJob,
  performance: Performance,
): Promise<Ending> {
  const { kit } = deps;
  const startedMs = kit.clock.monotonicMs();
  const { signal } = performance;
  let ending: Ending;
  try {
    await failpoint('daemon.job_received');
    const folder = await deps.openFolder(job);
    ending = await performIn(deps, job, { ...performance, folder });
  } catch (error) {
    ending = endingOf(error, signal);
  }
  kit.log.info('attempt.ended', {
    jobId: job.id,
    attempt: job.attempt,
    type: job.type,
    driver: job.driver,
    workspaceId: job.workspace?.id,
    transition: job.workspace?.transition,
    durationMs: Math.round(kit.clock.monotonicMs() - startedMs),
    ...(typeof ending === 'string' ? { outcome: ending } : describeResult(ending)),
  });
  return ending;
}

/** Without what it gives: that may be secret. */
function describeResult(result: JobResult): Record<string, unknown> {
  return result.outcome === 'succeeded' ? { outcome: result.outcome } : { ...result };
}

async function performIn(
  deps: AttemptDeps,
  job: AcquiredJob,
  performance: Performance & { readonly folder: AttemptFolder },
): Promise<Ending> {
  const { attempt, folder, signal, log } = performance;
  const { kit, controlPlane, giveUp } = deps;
  const state = createStateKeeper({
    kit,
    controlPlane,
    attempt,
    folder: folder.path,
    giveUp,
    onOvertaken: () => performance.onOvertaken(),
  });
  let ending: Ending;
  try {
    const started = await drive(deps, job, {
      attempt,
      log,
      signal,
      folder: folder.path,
      templateFolder: () => folder.template(signal),
      stateFile: () => state.open(signal),
    });
    ending = succeeded(started);
  } catch (error) {
    ending = endingOf(error, signal);
  }
  try {
    await failpoint('daemon.work_done');
    // What was not stored stays for the daemon's next life, which finds it there.
    if (!(await state.settle())) return 'unkept';
    await failpoint('daemon.state_settled');
  } catch (error) {
    await folder.putAside();
    return endingOf(error, signal);
  }
  // What cannot be removed now is swept by the daemon's next life.
  await folder
    .close()
    .catch((error: unknown) => kit.log.error('attempt.folder_not_removed', { error }));
  await failpoint('daemon.folder_removed');
  return signal.aborted && isStale(signal) ? 'stale' : ending;
}

/** An attempt may be overtaken at its very end, when the last of its state is stored. */
function isStale({ reason }: AbortSignal): boolean {
  return reason instanceof StopWork && reason.kind === 'stale';
}

function succeeded({ outputs, secretOutputs = {}, resources = [] }: Started): JobResult {
  return {
    outcome: 'succeeded',
    outputs: { ...outputs },
    secret_outputs: { ...secretOutputs },
    resources: [...resources],
  };
}

async function drive(
  deps: AttemptDeps,
  job: AcquiredJob,
  context: DriverContext & Pick<Performance, 'attempt'>,
): Promise<Started> {
  const driver = deps.drivers.get(job.driver);
  if (driver === undefined) {
    throw new AppError('BUILD_FAILED', `this daemon has no driver "${job.driver}"`);
  }
  context.signal.throwIfAborted();
  const { workspace, template } = job;
  switch (job.type) {
    case 'template_version_import':
      await driver.check(template, context);
      return NOTHING;
    case 'rehearsal':
      throw new AppError('BUILD_FAILED', `the driver "${driver.name}" makes no plan to rehearse`);
    case 'workspace_build':
    case 'stray_cleanup':
      break;
    default:
      return assertNever(job.type);
  }
  if (workspace === null) throw new AppError('BUILD_FAILED', `job ${job.id} names no workspace`);
  const build = { jobId: job.id, attempt: job.attempt, template, workspace };
  if (job.type === 'stray_cleanup') {
    if (driver.destroyStray === undefined) {
      throw new AppError('BUILD_FAILED', `the driver "${driver.name}" keeps no state`);
    }
    const { stray, current } = await askUntilAnswered(deps.kit, context.signal, () =>
      deps.controlPlane.readStray(context.attempt, context.signal),
    );
    await driver.destroyStray({ ...build, stray, current: current ?? undefined }, context);
    return NOTHING;
  }
  switch (workspace.transition) {
    case 'start':
      return driver.start(build, context);
    case 'stop':
      await driver.stop(build, context);
      return NOTHING;
    case 'delete':
      await driver.delete(build, context);
      return NOTHING;
    default:
      return assertNever(workspace.transition);
  }
}

const NOTHING: Started = { outputs: {} };

/** A driver that was stopped and left nothing behind throws the signal's reason; all else is a failure. */
function endingOf(thrown: unknown, signal: AbortSignal): Ending {
  if (signal.aborted && thrown === signal.reason && thrown instanceof StopWork) {
    switch (thrown.kind) {
      case 'stale':
        return 'stale';
      case 'canceled':
        return { outcome: 'canceled' };
      case 'drained':
        // A code that counts as nobody's failure but the daemon's.
        return {
          outcome: 'failed',
          error: 'the daemon was stopped before the job was done',
          error_code: 'daemon_lost',
        };
      default:
        return assertNever(thrown.kind);
    }
  }
  const error = toAppError(thrown);
  return { outcome: 'failed', error: describe(error), error_code: error.code.toLowerCase() };
}

const MAX_ERROR_CHARS = 10_000;

function describe(error: AppError): string {
  return error.detail.slice(0, MAX_ERROR_CHARS) || error.code;
}

/**
 * Delivers the remaining log lines and the result, until it is answered. Gives false when the
 * attempt does not count any more. When the daemon has to end first, the control plane ends the
 * attempt at its next registration.
 */
async function complete(deps: AttemptDeps, pulse: PulseDeps, result: JobResult): Promise<boolean> {
  const { kit, controlPlane, giveUp } = deps;
  const backoff = createBackoff(kit.rng, COMPLETE_RETRY);
  for (;;) {
    try {
      while (!pulse.logs.isEmpty) await beatOnce(pulse, giveUp);
      await controlPlane.complete(pulse.attempt, result, giveUp);
      await failpoint('daemon.result_told');
      return true;
    } catch (thrown) {
      const error = toAppError(thrown);
      const name = nameOf(pulse.attempt);
      if (isAttemptOver(error)) {
        noteRefusal(deps, error, pulse.attempt);
        return false;
      }
      kit.log.warn('attempt.complete_failed', { ...name, error });
    }
    try {
      await kit.clock.sleep(backoff.nextMs(), giveUp);
    } catch {
      return true; // the daemon ends; what was made is settled after its next registration
    }
  }
}

function noteRefusal(deps: AttemptDeps, error: AppError, attempt: AttemptRef): void {
  deps.kit.log.warn('attempt.refused', { ...nameOf(attempt), error });
  // That the job is not known says nothing of the daemon.
  if (error.code === 'DAEMON_REPLACED') deps.registration.refused(error, attempt);
}

async function undo(deps: AttemptDeps, job: AcquiredJob): Promise<void> {
  const driver = deps.drivers.get(job.driver);
  try {
    await driver?.undo({ jobId: job.id, attempt: job.attempt });
  } catch (error) {
    deps.kit.log.error('attempt.undo_failed', { jobId: job.id, attempt: job.attempt, error });
  }
}
