// Reading rows one by one, by a statement for all that are asked for at the same time.
import { runTogether, type RunTogetherDeps } from './run-together.ts';

/** More than a server has callers at one moment; so many rows are read in some milliseconds. */
const MAX_KEYS = 100;

export interface ReadTogether<Key, Row> {
  readonly read: (keys: readonly Key[]) => Promise<readonly Row[]>;
  readonly keyOf: (row: Row) => Key;
}

/**
 * Gives the row of a key, as it is after it was asked for, or undefined. Busy servers spend half of
 * their time on the round trips of small reads.
 */
export function readTogether<Key extends string, Row>(
  deps: RunTogetherDeps,
  { read, keyOf }: ReadTogether<Key, Row>,
): (key: Key) => Promise<Row | undefined> {
  const readAll = async (keys: readonly Key[]): Promise<readonly (Row | undefined)[]> => {
    const rows = await read([...new Set(keys)]);
    const byKey = new Map(rows.map((row) => [keyOf(row), row]));
    return keys.map((key) => byKey.get(key));
  };
  // It waits for nobody.
  return runTogether(deps, readAll, { maxItems: MAX_KEYS, isOfOneItem: () => false });
}
