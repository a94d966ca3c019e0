// The work of one attempt: its driver's, in a folder of the attempt's own, with its state kept.
import { failpoint } from '../base/failpoint.ts';
import type { AcquiredJob } from '../contract/provisioner/protocol.ts';
import type { AttemptRef, ControlPlane } from './control-plane.ts';
import { drive, type DriveDeps } from './drive.ts';
import type { DriverContext } from './driver.ts';
import { describeEnding, endingOf, succeeded, tellable, type Ending } from './ending.ts';
import { createStateKeeper } from './state-keeper.ts';
import { StopWork } from './stop-work.ts';
import { filesOf, type AttemptFolder } from './work-folder.ts';

export interface PerformDeps extends DriveDeps {
  readonly controlPlane: Pick<ControlPlane, 'takeState' | 'keepState' | 'readStray' | 'copyState'>;
  /** Aborted when the daemon cannot even wait for answers any longer. */
  readonly giveUp: AbortSignal;
  openFolder(job: AcquiredJob): Promise<AttemptFolder>;
}

export interface Performance extends Pick<
  DriverContext,
  'redactor' | 'log' | 'tellReplaced' | 'signal'
> {
  readonly attempt: AttemptRef;
  /** Another attempt has taken the lock of the workspace's state. */
  onOvertaken(): void;
}

/** Never rejects. */
export async function perform(
  deps: PerformDeps,
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
  ending = tellable(ending, (text) => performance.redactor.redact(text));
  kit.log.info('attempt.ended', {
    jobId: job.id,
    attempt: job.attempt,
    type: job.type,
    driver: job.driver,
    workspaceId: job.workspace?.id,
    transition: job.workspace?.transition,
    durationMs: Math.round(kit.clock.monotonicMs() - startedMs),
    ...describeEnding(ending),
  });
  return ending;
}

async function performIn(
  deps: PerformDeps,
  job: AcquiredJob,
  performance: Performance & { readonly folder: AttemptFolder },
): Promise<Ending> {
  const { attempt, folder, signal, redactor, log, tellReplaced } = performance;
  const { kit, controlPlane, giveUp } = deps;
  const state = createStateKeeper({
    kit,
    controlPlane,
    attempt,
    folder: folder.path,
    giveUp,
    log,
    onOvertaken: () => performance.onOvertaken(),
    rescue: async () => deps.drivers.get(job.driver)?.rescueState?.(filesOf(folder.path)),
  });
  let ending: Ending;
  try {
    const started = await drive(deps, job, {
      attempt,
      redactor,
      log,
      tellReplaced,
      signal,
      folder: folder.path,
      templateFolder: () => folder.template(signal),
      stateFile: () => state.open(signal),
    });
    await failpoint('daemon.work_done');
    ending = succeeded(started);
  } catch (error) {
    ending = endingOf(error, signal);
  }
  try {
    // What was not stored stays for the daemon's next life, which finds it there.
    if (!(await state.settle())) return 'unkept';
  } catch (error) {
    await folder.putAside();
    return endingOf(error, signal);
  }
  await failpoint('daemon.state_settled');
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
