// Which pools had their turn, as the log of a reconciler tells it.
import type { PoolId } from '../../src/base/id.ts';
import type { Log, LogFields } from '../../src/base/log.ts';

export interface Turns {
  readonly log: Log;
  /** A pool for each of its turns, in their order. */
  readonly had: PoolId[];
}

export function recordTurns(): Turns {
  const had: PoolId[] = [];
  const ignore = (): void => undefined;
  const log: Log = {
    debug: (event, fields: LogFields = {}) => {
      if (event === 'pool.planned' || event === 'pool.left_alone')
        had.push(fields['pool'] as PoolId);
    },
    ...{ info: ignore, warn: ignore, error: ignore, critical: ignore },
    child: () => log,
  };
  return { log, had };
}
