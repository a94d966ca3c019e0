// Rows of several queries by one statement, in one snapshot: each query's as one JSON value. Where a round
// trip costs more than the reading, which is so for the few rows of one pool.
import { OID, type Columns, type RowOf } from './column.ts';
import { rowMaker } from './row-maker.ts';

/** The values of each column, times as milliseconds; null: there are no rows. */
export type JsonColumns = readonly (readonly unknown[] | null)[];

/**
 * A value, of type json, with the rows of a query that gives these columns. Column by column: an aggregate looks up once
 * what its values are, where `json_build_array` does so for each value of each row, which took half the time of 300 rows.
 */
export function rowsAsJson(columns: Columns, query: string): string {
  const values = Object.entries(columns).map(([key, { oid }]) => {
    const column = `r.${key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;
    return `json_agg(${oid === OID.timestamptz ? asMilliseconds(column) : column})`;
  });
  return `(
    select json_build_array(${values.join(', ')})
    from (${query}) as r)`;
}

/** Rounded down, as a time is read elsewhere. What is added is more than a float is off by, and less than a microsecond. */
function asMilliseconds(column: string): string {
  return `floor(date_part('epoch', ${column}) * 1000 + 0.0005)`;
}

export function rowsOfJson<C extends Columns>(columns: C, given: JsonColumns): readonly RowOf<C>[] {
  const toRow = rowMaker(columns);
  const values = Object.values(columns).map(({ oid }, index) => {
    const column = given[index] ?? [];
    return oid === OID.timestamptz ? column.map(toTime) : column;
  });
  return (values[0] ?? []).map((_, n) => toRow(values.map((column) => column[n])));
}

/** JSON knows no infinity: that comes as text. */
function toTime(value: unknown): number | null {
  return value === null ? null : Number(value);
}
