// Rows of several queries by one statement, in one snapshot: each query's as one JSON value. Where a round
// trip costs more than the reading, which is so for the few rows of one pool.
import { OID, type Columns, type RowOf } from './column.ts';
import { rowMaker } from './row-maker.ts';

/** Rows without the names of their columns, times as milliseconds. */
export type JsonRows = readonly (readonly unknown[])[];

/** A value, of type json, with the rows of a query that gives these columns. */
export function rowsAsJson(columns: Columns, query: string): string {
  const values = Object.entries(columns).map(([key, { oid }]) => {
    const column = `r.${key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;
    return oid === OID.timestamptz ? `floor(extract(epoch from ${column}) * 1000)` : column;
  });
  return `(
    select coalesce(json_agg(json_build_array(${values.join(', ')})), '[]'::json)
    from (${query}) as r)`;
}

export function rowsOfJson<C extends Columns>(columns: C, rows: JsonRows): readonly RowOf<C>[] {
  const toRow = rowMaker(columns);
  const times = Object.keys(columns).filter((key) => columns[key]?.oid === OID.timestamptz);
  return rows.map((values) => {
    const row: Record<string, unknown> = toRow(values);
    // JSON knows no infinity: that comes as text.
    for (const key of times) if (row[key] !== null) row[key] = Number(row[key]);
    return row as RowOf<C>;
  });
}
