// Rows as objects. Many are made, of the same columns each.
import type { Columns, RowOf } from './column.ts';

/** Gives a function that makes a row of the values of these columns, in their order. */
export function rowMaker<C extends Columns>(columns: C): (values: readonly unknown[]) => RowOf<C> {
  const keys = Object.keys(columns);
  // Copied with its columns: a pool's members took thirty times the memory where each got them out of an iterator.
  const blank: Readonly<Record<string, unknown>> = Object.fromEntries(
    keys.map((key) => [key, null]),
  );
  return (values) => {
    const row = { ...blank };
    keys.forEach((key, index) => {
      row[key] = values[index];
    });
    return row as RowOf<C>;
  };
}
