// The one error class. Fields are data; text for people is rendered at the edge.
import { ERRORS, type ErrorCode } from './error-catalog.ts';
import type { ErrorSpec } from './error-spec.ts';

export interface ErrorDetails {
  /** What failed, with which value. */
  readonly detail: string;
  /** What to do, where it differs from the catalog's hint for the code. */
  readonly hint?: string;
  /** Further machine-readable facts, shown in the problem document. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly detail: string;
  readonly hint: string;
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    details: ErrorDetails | string,
    options?: { readonly cause?: unknown },
  ) {
    const given = typeof details === 'string' ? { detail: details } : details;
    super(`${code}: ${given.detail}`, options);
    this.code = code;
    this.detail = given.detail;
    this.hint = given.hint ?? ERRORS[code].hint;
    this.fields = given.fields ?? {};
  }

  get spec(): ErrorSpec {
    return ERRORS[this.code];
  }
}

/** What was thrown, as an AppError: itself, or INTERNAL with the original as its cause. */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const detail = thrown instanceof Error ? thrown.message : String(thrown);
  return new AppError('INTERNAL', { detail }, { cause: thrown });
}

/** Unavailable, and a request that did not arrive in time. */
const PASSING: readonly number[] = [503, 408];

/** Whether the same request may succeed by itself: the server, or its database, was just away. */
export function mayPass(error: unknown): boolean {
  if (!(error instanceof AppError)) return false;
  return PASSING.includes(error.spec.http) && error.spec.retry === 'later';
}
