// How values come off the wire: timestamps as epoch milliseconds, int8 as a number.
import pg from 'pg';
import { OID } from './column.ts';

/** Of a type. */
export type Oid = Parameters<pg.CustomTypesConfig['getTypeParser']>[0];
/** Gives what a value stands for that came as text. */
export type Reader = (value: string) => unknown;

const parseTimestamp = pg.types.getTypeParser(pg.types.builtins.TIMESTAMPTZ) as (
  value: string,
) => Date | number;

const readers: Readonly<Record<number, Reader>> = {
  [OID.int8]: Number,
  [OID.timestamptz]: (value) => {
    // 'infinity' comes as a number.
    const parsed = parseTimestamp(value);
    return typeof parsed === 'number' ? parsed : parsed.getTime();
  },
};

export function readerOf(oid: Oid): Reader {
  return readers[oid] ?? (pg.types.getTypeParser(oid) as Reader);
}

/** For what pg itself reads. */
export const wireTypes: pg.CustomTypesConfig = { getTypeParser: readerOf };
