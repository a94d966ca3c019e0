// How the work of one attempt ended, as it is reported and logged.
import { toAppError } from '../base/app-error.ts';
import { assertNever } from '../base/assert-never.ts';
import type { JobResult } from '../contract/provisioner/protocol.ts';
import type { Started } from './driver.ts';
import { StopWork } from './stop-work.ts';

/** unkept: its state could not be stored before the daemon ends, so that nothing may be reported. */
export type Ending = JobResult | 'stale' | 'unkept';

export function succeeded({ outputs, secretOutputs = {}, resources = [] }: Started): JobResult {
  return {
    outcome: 'succeeded',
    outputs: { ...outputs },
    secret_outputs: { ...secretOutputs },
    resources: [...resources],
  };
}

/** A driver that was stopped and left nothing behind throws the signal's reason; all else is a failure. */
export function endingOf(thrown: unknown, signal: AbortSignal): Ending {
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
  return {
    outcome: 'failed',
    error: error.detail || error.code,
    error_code: error.code.toLowerCase(),
  };
}

const MAX_ERROR_CHARS = 10_000;

/** Its error without secrets, and only then cut: a cut may go through one. */
export function tellable(ending: Ending, redact: (text: string) => string): Ending {
  if (typeof ending === 'string' || ending.outcome !== 'failed') return ending;
  return { ...ending, error: redact(ending.error).slice(0, MAX_ERROR_CHARS) };
}

/** For the log: without what it gives, which may be secret. */
export function describeEnding(ending: Ending): Record<string, unknown> {
  if (typeof ending === 'string') return { outcome: ending };
  return ending.outcome === 'succeeded' ? { outcome: ending.outcome } : { ...ending };
}
