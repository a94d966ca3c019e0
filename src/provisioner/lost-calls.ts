// Calls for work that got no answer: the control plane may have given a job to one of them. They are named
// with the calls after it, so that such a job is not left with a daemon that knows nothing of it.
import type { Clock } from '../base/clock.ts';
import { MAX_LOST_CALLS } from '../contract/provisioner/protocol.ts';

export interface LostCalls {
  add(callId: string): void;
  /** As long as they are worth naming. */
  list(): readonly string[];
}

/** A control plane that stood still may go on with a call as long as that may wait, and some time. */
const NAMED_MS = 75_000;

export function createLostCalls(clock: Pick<Clock, 'monotonicMs'>): LostCalls {
  let lost: readonly { readonly callId: string; readonly atMs: number }[] = [];
  const current = (): typeof lost =>
    lost.filter(({ atMs }) => clock.monotonicMs() - atMs < NAMED_MS);
  return {
    add: (callId) => {
      // Of more the first are kept: when a control plane dies, they may have taken something, and those
      // that are made until it is back have not.
      lost = [...current(), { callId, atMs: clock.monotonicMs() }].slice(0, MAX_LOST_CALLS);
    },
    list: () => {
      lost = current();
      return lost.map(({ callId }) => callId);
    },
  };
}
