// How long PostgreSQL may take for an answer.

/**
 * PostgreSQL ends a statement after that: one that was only no longer waited for, for a lock for instance, would be
 * committed later, although its caller was told that it had failed.
 */
export const STATEMENT_TIMEOUT_MS = 15_000;
const MARGIN_MS = 5_000;

/**
 * How long the answer to so many statements in one message is waited for: a black-holed connection answers never. For
 * one it is less than the 30 s that callers of the API wait for an answer, so that they are told the reason.
 */
export function limitMsOf(statements: number): number {
  return statements * STATEMENT_TIMEOUT_MS + MARGIN_MS;
}
