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

/** Whether the same request may succeed by itself: the server, or its database, was just away. */
export function mayPass(error: unknown): boolean {
  return error instanceof AppError && error.spec.http === 503 && error.spec.retry === 'later';
}
