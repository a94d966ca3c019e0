// Reading rows one by one, by a statement for all that are asked for at the same time.
import type { Clock } from '../base/clock.ts';
import { together } from '../base/together.ts';

/** Such a read takes a millisecond and waits for nobody: one that is late is stuck. */
const TURNS = { lateMs: 50, most: 3, maxItems: 100 };

export interface ReadTogether<Key, Row> {
  readonly read: (keys: readonly Key[]) => Promise<readonly Row[]>;
  readonly keyOf: (row: Row) => Key;
}

/**
 * Gives the row of a key, as it is after it was asked for, or undefined. Busy servers spend half of
 * their time on the round trips of small reads.
 */
export function readTogether<Key extends string, Row>(
  clock: Pick<Clock, 'sleep'>,
  { read, keyOf }: ReadTogether<Key, Row>,
): (key: Key) => Promise<Row | undefined> {
  const readAll = async (keys: readonly Key[]): Promise<readonly (Row | undefined)[]> => {
    const rows = await read([...new Set(keys)]);
    const byKey = new Map(rows.map((row) => [keyOf(row), row]));
    return keys.map((key) => byKey.get(key));
  };
  return together(clock, readAll, TURNS);
}
