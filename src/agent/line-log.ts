// The agent's own log: JSON lines on standard error, without a library, because every workspace
// carries this program.
import type { Clock } from '../base/clock.ts';
import { formatInstant } from '../base/clock.ts';
import type { Log, LogFields } from '../base/log.ts';

export function createLineLog(clock: Clock, write: (line: string) => void): Log {
  const at = (level: string) => (event: string, fields?: LogFields) => {
    const { error, ...rest } = fields ?? {};
    const told = error instanceof Error ? { ...rest, error: error.message } : (fields ?? {});
    write(`${JSON.stringify({ level, time: formatInstant(clock.now()), event, ...told })}\n`);
  };
  return {
    debug: () => undefined,
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    critical: at('critical'),
    child: () => createLineLog(clock, write),
  };
}
