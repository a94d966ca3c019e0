// Calls for work that got no answer: the control plane may have given a job to one of them. They are named
// with the calls after it, so that such a job is not left with a daemon that knows nothing of it.
import type { Clock } from '../base/clock.ts';
import { MAX_LOST_CALLS } from '../contract/provisioner/protocol.ts';

export interface LostCalls {
  add(callId: string): void;
  /** The newest, as long as they are worth naming. */
  list(): readonly string[];
}

/** A control plane that stood still may go on with a call as long as that may wait, and some time. */
const NAMED_MS = 75_000;

export function createLostCalls(clock: Pick<Clock, 'monotonicMs'>): LostCalls {
  let lost: readonly { readonly callId: string; readonly atMs: number }[] = [];
  const current = (): typeof lost =>
    lost.filter(({ atMs }) => clock.monotonicMs() - atMs < NAMED_MS).slice(-MAX_LOST_CALLS);
  return {
    add: (callId) => {
      lost = [...current(), { callId, atMs: clock.monotonicMs() }];
    },
    list: () => {
      lost = current();
      return lost.map(({ callId }) => callId);
    },
  };
}
