// PostgreSQL's error codes by name. Only the store knows them.
import { DatabaseError } from 'pg';

const UNIQUE_VIOLATION = '23505';
/** Data exceptions, integrity constraint violations, lock_not_available. */
const OF_ONE_ROW = /^(22|23|55P03)/;
const QUERY_CANCELED = '57014';
const RETRYABLE = new Set(['40001' /* serialization_failure */, '40P01' /* deadlock_detected */]);
// Connection exceptions, shutdown and start-up, out of connections, disk full; what took too long, a
// statement (57014), an idle (25P03) or a whole transaction (25P04); and a server that only reads: it was
// the primary when the connection was made, and another one is now.
const UNAVAILABLE = /^(08|57P0|57014|53|25006|25P0[34])/;
const SOCKET_ERRORS = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
]);

// pg reports these without a code.
const NOT_SERVED =
  /^(Connection terminated|timeout expired|Query read timeout|Client (has encountered a connection error|was closed))/;

// Who one is, which database there is, what one may do.
const REFUSED = /^(28|3D000|42501)/;
const TLS_ERROR =
  /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED|UNABLE_TO_(GET|VERIFY))/;
const NOT_TAKEN = /^(SASL|The server does not support SSL|There was an error establishing an SSL)/;

/** True when a statement broke the named unique constraint or unique index. */
export function isUniqueViolation(error: unknown, constraint: string): boolean {
  return (
    error instanceof DatabaseError &&
    error.code === UNIQUE_VIOLATION &&
    error.constraint === constraint
  );
}

/** True when a statement failed at one of its rows: a value, a constraint, or somebody's lock. */
export function isOfOneRow(error: unknown): boolean {
  return error instanceof DatabaseError && error.code !== undefined && OF_ONE_ROW.test(error.code);
}

/** True when a statement took longer than `statement_timeout` allows. */
export function isOutOfTime(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === QUERY_CANCELED;
}

/** True when the same statement or transaction may succeed if it is simply run again. */
export function isRetryable(error: unknown): boolean {
  return error instanceof DatabaseError && error.code !== undefined && RETRYABLE.has(error.code);
}

/** True when the connection does not know a statement that it was given before: somebody has had it forget them. */
export function hasLostStatement(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === '26000';
}

/** True when none of the pool's connections became free in time. pg-pool says so by this text alone. */
export function isBusy(error: unknown): boolean {
  return error instanceof Error && error.message === 'timeout exceeded when trying to connect';
}

/** True when PostgreSQL could not be reached or could not serve, whatever was asked. */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof DatabaseError)
    return error.code !== undefined && UNAVAILABLE.test(error.code);
  if (!(error instanceof Error)) return false;
  const { code, syscall } = error as { code?: unknown; syscall?: unknown };
  // A socket that is not there yet; a certificate's file that is not there is no such thing.
  if (code === 'ENOENT') return syscall === 'connect';
  if (typeof code === 'string' && SOCKET_ERRORS.has(code)) return true;
  return NOT_SERVED.test(error.message);
}

/** True when PostgreSQL, or the way to it, does not take what the configuration says. */
export function isRefused(error: unknown): boolean {
  if (error instanceof DatabaseError) return error.code !== undefined && REFUSED.test(error.code);
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  return (typeof code === 'string' && TLS_ERROR.test(code)) || NOT_TAKEN.test(error.message);
}
