// A daemon's report of a result that asks for the slot's next job as well.
import type { AcquireCallId } from '../base/id.ts';
import type { TakenJob } from '../store/job-acquire.ts';
import { acquireJob, tellJob, type AcquireDeps } from './acquire-job.ts';
import type { AttemptRef } from './attempt.ts';
import { completeJob, type CompleteDeps, type ReportedResult } from './complete-job.ts';
import type { FinishLoneJob } from './lone-job.ts';
import type { ReportAndTake, ReportedSlot } from './report-and-take.ts';
import { giveBackLost } from './untold-attempt.ts';

export interface CompleteAndAcquireDeps extends AcquireDeps, CompleteDeps {
  readonly reportAndTake: ReportAndTake;
}

/** The slot's next call for work. */
export interface NextCall {
  readonly callId: AcquireCallId;
  readonly signal: AbortSignal;
}

/**
 * Stores the result as completeJob does, throwing what it throws, and then gives a job that could be had at
 * once; a report that is said again brings none. Whatever keeps it from that is no error: the daemon would take it for a refusal of the result.
 */
export async function completeAndAcquire(
  deps: CompleteAndAcquireDeps,
  { attempt, result }: { readonly attempt: AttemptRef; readonly result: ReportedResult },
  { callId, signal }: NextCall,
): Promise<TakenJob | undefined> {
  const { daemon } = attempt;
  const offer = await deps.dispatcher.offers.get(daemon);
  let slot: ReportedSlot | undefined;
  const finishLoneJob: FinishLoneJob = async (report) => {
    const handed = deps.dispatcher.builds.find(report.id);
    if (handed !== undefined) return { workspaceId: handed.workspaceId, isFinished: false };
    slot = await deps.reportAndTake({ report, offer, callId });
    const { reported } = slot;
    const isLeft = reported?.isFinished === false && reported.workspaceId === null;
    // Somebody has the daemon's row, which the end of a lone job does not need.
    return isLeft ? deps.finishLoneJob(report) : reported;
  };
  let isNew: boolean;
  try {
    isNew = await completeJob({ ...deps, finishLoneJob }, attempt, result);
  } catch (error) {
    // Nobody hears of what was taken with it. Where it cannot be given back now, the daemon names the call.
    if (slot?.next !== undefined) {
      await giveBackLost(deps, daemon, [callId]).catch((failed: unknown) =>
        deps.log.warn('job.give_back_failed', { ...daemon, error: failed }),
      );
    }
    throw error;
  }
  // Said again: the first answer has a job for the slot, or the daemon names its call as lost.
  if (!isNew) return undefined;
  try {
    if (slot?.next !== undefined)
      return await tellJob(deps, daemon, { taken: slot.next, callId, signal });
    const isNothingThere = slot?.reported?.isFinished === true && !slot.isHeldBack;
    return isNothingThere
      ? undefined
      : await acquireJob(deps, daemon, { signal, waitMs: 0, callId });
  } catch (error) {
    deps.log.warn('job.next_failed', { ...daemon, error });
    await giveBackLost(deps, daemon, [callId]);
    return undefined;
  }
}
