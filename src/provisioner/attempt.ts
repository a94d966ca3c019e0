// One attempt at one job, from its acquisition to the control plane's receipt of its result.
import { OVER } from '../base/abort.ts';
import { toAppError, type AppError } from '../base/app-error.ts';
import { createBackoff } from '../base/backoff.ts';
import { failpoint } from '../base/failpoint.ts';
import type { AcquiredJob, Replacement } from '../contract/provisioner/protocol.ts';
import type { CancelWatch } from './cancel-watch.ts';
import type { AttemptRef, ControlPlane, Outcome } from './control-plane.ts';
import { createLogBuffer } from './log-buffer.ts';
import { perform, type PerformDeps } from './perform.ts';
import { beat, beatOnce, isAttemptOver, nameOf, type PulseDeps } from './pulse.ts';
import type { Registered, Registration } from './registration.ts';
import { listSecretParameters } from './secret-parameters.ts';
import { StopWork } from './stop-work.ts';
import { createRedactor } from './tool/redact.ts';

export interface AttemptDeps extends PerformDeps {
  readonly controlPlane: ControlPlane;
  /** Aborted with a StopWork when the daemon cannot wait for its attempts any longer. */
  readonly stopWork: AbortSignal;
  readonly registration: Pick<Registration, 'refused'>;
  readonly cancels: Pick<CancelWatch, 'listen'>;
}

/** The call for the slot's next job, which goes with the report of a result. */
export interface NextCall {
  /** Undefined: no job is wanted with the report. */
  begin(): string | undefined;
  /** Whatever was answered was no job, and one may have been taken. */
  lost(callId: string): void;
}

const COMPLETE_RETRY = { firstMs: 250, maxMs: 10_000 };

/** Does the job, reports its result and gives the job that came with the receipt. Never rejects. */
export async function runAttempt(
  deps: AttemptDeps,
  job: AcquiredJob,
  { registered, nextCall }: { readonly registered: Registered; readonly nextCall: NextCall },
): Promise<AcquiredJob | undefined> {
  const attempt: AttemptRef = { ...registered, jobId: job.id, attempt: job.attempt };
  const logs = createLogBuffer(deps.kit.clock);
  const work = new AbortController();
  const stop = (): void => work.abort(deps.stopWork.reason);
  if (deps.stopWork.aborted) stop();
  deps.stopWork.addEventListener('abort', stop, { once: true });
  const done = new AbortController();
  const onCancel = (): void => work.abort(new StopWork('canceled'));
  const pulse: PulseDeps = {
    kit: deps.kit,
    controlPlane: deps.controlPlane,
    attempt,
    logs,
    onCancel,
    onStale: (error) => {
      noteRefusal(deps, error, attempt);
      work.abort(new StopWork('stale'));
    },
  };
  const unlisten = deps.cancels.listen(attempt, onCancel);
  const beating = beat(pulse, registered.heartbeatIntervalMs, done.signal);
  const redactor = createRedactor();
  redactor.add(listSecretParameters(job));
  const replaced: Replacement[] = [];
  const ending = await perform(deps, job, {
    attempt,
    redactor,
    log: (level, line) => logs.add(level, redactor.redact(line)),
    tellReplaced: (told) => {
      replaced.push(...told);
    },
    signal: work.signal,
    onOvertaken: () => work.abort(new StopWork('stale')),
  });
  done.abort(OVER);
  unlisten();
  await beating;
  deps.stopWork.removeEventListener('abort', stop);
  if (ending === 'unkept') return undefined;
  if (ending !== 'stale') {
    const receipt = await complete(deps, pulse, {
      outcome: { result: ending, replaced },
      nextCall,
    });
    if (receipt !== 'refused') return receipt.next;
  }
  await undo(deps, job);
  return undefined;
}

/** `next` came with the receipt of the result. */
type Receipt = 'refused' | { readonly next: AcquiredJob | undefined };

const NOTHING_NEXT: Receipt = { next: undefined };

/**
 * Delivers the remaining log lines and the result, until it is answered. `refused` when the
 * attempt does not count any more. When the daemon has to end first, the control plane ends the
 * attempt at its next registration.
 */
async function complete(
  deps: AttemptDeps,
  pulse: PulseDeps,
  { outcome, nextCall }: { readonly outcome: Outcome; readonly nextCall: NextCall },
): Promise<Receipt> {
  const { kit, controlPlane, giveUp } = deps;
  const backoff = createBackoff(kit.rng, COMPLETE_RETRY);
  for (;;) {
    let nextCallId: string | undefined;
    try {
      while (!pulse.logs.isEmpty) await beatOnce(pulse, giveUp);
      nextCallId = nextCall.begin();
      const next = await controlPlane.complete(pulse.attempt, { ...outcome, nextCallId }, giveUp);
      await failpoint('daemon.result_told');
      return { next };
    } catch (thrown) {
      if (nextCallId !== undefined) nextCall.lost(nextCallId);
      const error = toAppError(thrown);
      const name = nameOf(pulse.attempt);
      if (isAttemptOver(error)) {
        noteRefusal(deps, error, pulse.attempt);
        return 'refused';
      }
      kit.log.warn('attempt.complete_failed', { ...name, error });
    }
    try {
      await kit.clock.sleep(backoff.nextMs(), giveUp);
    } catch {
      return NOTHING_NEXT; // the daemon ends; what was made is settled after its next registration
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
