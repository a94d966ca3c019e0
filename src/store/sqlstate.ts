// PostgreSQL's error codes by name. Only the store knows them.
import { DatabaseError } from 'pg';

const UNIQUE_VIOLATION = '23505';
const RETRYABLE = new Set(['40001' /* serialization_failure */, '40P01' /* deadlock_detected */]);
// Connection exceptions, shutdown and start-up, out of connections, disk full; and a server that only
// reads: it was the primary when the connection was made, and another one is now.
const UNAVAILABLE = /^(08|57P0|53|25006)/;
const SOCKET_ERRORS = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
]);

/** What pg says without a code: no connection, no answer in time, or one that was lost while idle. */
const PG_MESSAGES =
  /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client (has encountered a connection error|was closed))/;

/** True when a statement broke the named unique constraint or unique index. */
export function isUniqueViolation(error: unknown, constraint: string): boolean {
  return (
    error instanceof DatabaseError &&
    error.code === UNIQUE_VIOLATION &&
    error.constraint === constraint
  );
}

/** True when the same transaction may succeed if it is simply run again. */
export function isRetryable(error: unknown): boolean {
  return error instanceof DatabaseError && error.code !== undefined && RETRYABLE.has(error.code);
}

/** True when PostgreSQL could not be reached or could not serve, whatever was asked. */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof DatabaseError)
    return error.code !== undefined && UNAVAILABLE.test(error.code);
  if (!(error instanceof Error)) return false;
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string' && SOCKET_ERRORS.has(code)) return true;
  return PG_MESSAGES.test(error.message);
}
