// Why somebody waits no more and has no workspace, as the error that it is answered with.
import { AppError } from '../../base/app-error.ts';
import { isErrorCode } from '../../base/error-catalog.ts';
import type { WaiterId } from '../../base/id.ts';
import type { WaitOutcome } from '../../domain/waiter/outcome.ts';

export interface EndOfWaiting {
  readonly id: WaiterId;
  /** Null: it waits. */
  readonly outcome: WaitOutcome | null;
  /** Both of a refusal. */
  readonly errorCode: string | null;
  readonly error: string | null;
}

/** Undefined while it waits, and when it was served. */
export function whyOver({ id, outcome, errorCode, error }: EndOfWaiting): AppError | undefined {
  switch (outcome) {
    case null:
    case 'served':
      return undefined;
    case 'canceled':
      return new AppError('WAIT_CANCELED', `waiter ${id} was canceled`);
    case 'timed_out':
      return new AppError('WAIT_TIMEOUT', `waiter ${id} was not served before its deadline`);
    case 'refused':
      return new AppError(
        errorCode !== null && isErrorCode(errorCode) ? errorCode : 'INTERNAL',
        error ?? `waiter ${id} could not be served`,
      );
  }
}
