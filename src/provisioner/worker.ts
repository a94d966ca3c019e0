// Asks for work, does it, asks again. A daemon runs as many of these as it has slots.
import { isAborted } from '../base/abort.ts';
import { toAppError } from '../base/app-error.ts';
import { createBackoff } from '../base/backoff.ts';
import { createId } from '../base/id.ts';
import type { AcquiredJob } from '../contract/provisioner/protocol.ts';
import { runAttempt, type AttemptDeps, type NextCall } from './attempt.ts';
import type { LostCalls } from './lost-calls.ts';
import type { Registered, Registration } from './registration.ts';

export interface WorkerDeps extends AttemptDeps {
  readonly registration: Registration;
  /** Of all workers: each names what any of them has lost. */
  readonly lostCalls: LostCalls;
}

/** How long one request for a job may wait at the control plane, where that shows meanwhile that it is there. */
const ACQUIRE_WAIT_MS = 100_000;
/** The same while calls are lost: a control plane that was at one may have taken something since. */
const ACQUIRE_WAIT_AFTER_LOSS_MS = 5_000;
const RETRY = { firstMs: 250, maxMs: 10_000 };
/** An answer that came sooner than this although it might have waited: ask again, but not at once. */
const HASTY_MS = 50;

/** Works until `signal` aborts; an attempt that runs then is finished. Never rejects. */
export async function work(deps: WorkerDeps, signal: AbortSignal): Promise<void> {
  const { kit } = deps;
  const backoff = createBackoff(kit.rng, RETRY);
  let registered: Registered | undefined;
  while (!signal.aborted) {
    try {
      registered = await deps.registration.get();
      const askedMs = kit.clock.monotonicMs();
      const job = await acquire(deps, registered, signal);
      const isHasty = job === undefined && kit.clock.monotonicMs() - askedMs < HASTY_MS;
      if (isHasty) await kit.clock.sleep(backoff.nextMs(), signal);
      else backoff.reset();
      await doInARow(deps, { job, registered }, signal);
    } catch (thrown) {
      if (isAborted(signal)) return;
      const error = toAppError(thrown);
      kit.log.warn('daemon.acquire_failed', { error });
      if (registered !== undefined) deps.registration.refused(error, registered);
      await kit.clock.sleep(backoff.nextMs(), signal).catch(() => undefined); // the loop ends then
    }
  }
}

/** The job, and what comes with the receipts of results until the daemon is to stop. */
async function doInARow(
  deps: WorkerDeps,
  {
    job: first,
    registered,
  }: { readonly job: AcquiredJob | undefined; readonly registered: Registered },
  signal: AbortSignal,
): Promise<void> {
  const { kit, lostCalls } = deps;
  let callId: string | undefined;
  const nextCall: NextCall = {
    // While calls are lost, one that names them is made instead.
    begin: () => {
      callId = signal.aborted || lostCalls.list().length > 0 ? undefined : createId(kit);
      return callId;
    },
    lost: (lost) => lostCalls.add(lost),
  };
  let job = first;
  while (job !== undefined) {
    job = await runAttempt(deps, job, { registered, nextCall });
    if (job !== undefined && callId !== undefined && signal.aborted) {
      await giveBack(deps, registered, callId);
      return;
    }
  }
}

/** What came as the daemon was about to stop is somebody else's to do. */
async function giveBack(
  { kit, controlPlane, giveUp }: WorkerDeps,
  registered: Registered,
  callId: string,
): Promise<void> {
  try {
    await controlPlane.giveBack(registered, [callId], giveUp);
  } catch (error) {
    // It ends with the daemon's next registration, or when it has been silent for long.
    kit.log.warn('daemon.give_back_failed', { error });
  }
}

async function acquire(
  { kit, controlPlane, lostCalls }: WorkerDeps,
  registered: Registered,
  signal: AbortSignal,
): Promise<AcquiredJob | undefined> {
  const callId = createId(kit);
  const lost = lostCalls.list();
  const waitMs = lost.length === 0 ? ACQUIRE_WAIT_MS : ACQUIRE_WAIT_AFTER_LOSS_MS;
  try {
    return await controlPlane.acquire(registered, { waitMs, callId, lostCalls: lost }, signal);
  } catch (error) {
    // Whatever was answered was no job, and one may have been taken.
    lostCalls.add(callId);
    throw error;
  }
}
