// A log that nobody reads, but for errors that no fault explains: these are findings.
import { mayPass } from '../../../src/base/app-error.ts';
import { silentLog, type Log, type LogFields } from '../../../src/base/log.ts';

export function createWatchfulLog(find: (what: string) => void): Log {
  const judge = (event: string, { error }: LogFields = {}): void => {
    if (!isOfFaults(error)) find(`${event}: ${describe(error)}`);
  };
  const log: Log = {
    ...silentLog,
    error: judge,
    critical: judge,
    child: () => log,
  };
  return log;
}

/** That the database or a control plane was just away. */
function isOfFaults(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.every(isOfFaults);
  return mayPass(error);
}

function describe(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(describe).join('; ');
  return error instanceof Error ? (error.stack ?? error.message) : JSON.stringify(error);
}
