// Structured logging: an event name first, then fields; no interpolated prose.
// Lines go to standard error, so that standard output stays free for answers.
import { pino, stdTimeFunctions } from 'pino';

export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** Something that must never happen, happened and was contained; someone should look today. */
  critical(event: string, fields?: LogFields): void;
  child(fields: LogFields): Log;
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** A log that writes JSON lines to standard error, or to `destination` (a file's path). */
export function createLog(level: LogLevel, destination?: string): Log {
  const target = pino.destination(
    destination === undefined
      ? { fd: 2, sync: true }
      : { dest: destination, sync: true, mkdir: true },
  );
  const root = pino(
    {
      level,
      base: null,
      messageKey: 'event',
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label === 'fatal' ? 'critical' : label }) },
      serializers: { error: describeError },
    },
    target,
  );
  return wrap(root);
}

export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  critical: () => undefined,
  child: () => silentLog,
};

/**
 * What of an error is told. Nothing else: libraries hang whole connections on theirs, with addresses
 * and what was asked over them.
 */
export function describeError(thrown: unknown): unknown {
  if (!(thrown instanceof Error)) return thrown;
  const { name, message, stack, cause } = thrown;
  const code: unknown = 'code' in thrown ? thrown.code : undefined;
  return {
    type: name,
    ...(typeof code === 'string' ? { code } : {}),
    message,
    stack,
    ...(cause === undefined ? {} : { cause: describeError(cause) }),
  };
}

function wrap(logger: pino.Logger): Log {
  return {
    debug: (event, fields) => logger.debug(fields ?? {}, event),
    info: (event, fields) => logger.info(fields ?? {}, event),
    warn: (event, fields) => logger.warn(fields ?? {}, event),
    error: (event, fields) => logger.error(fields ?? {}, event),
    critical: (event, fields) => logger.fatal(fields ?? {}, event),
    child: (fields) => wrap(logger.child(fields)),
  };
}
