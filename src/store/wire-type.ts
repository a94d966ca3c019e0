// How values come off the wire: timestamps as epoch milliseconds, int8 as a number.
import pg from 'pg';
import { OID } from './column.ts';

const defaults = pg.types;
const parseTimestamp = defaults.getTypeParser(OID.timestamptz) as (value: string) => Date | number;

const parsers: Readonly<Record<number, (value: string) => unknown>> = {
  [OID.int8]: Number,
  [OID.timestamptz]: (value) => {
    const parsed = parseTimestamp(value);
    return typeof parsed === 'number' ? parsed : parsed.getTime();
  },
};

export const wireTypes: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) =>
    parsers[oid] ?? (defaults.getTypeParser(oid, format as 'text') as (value: string) => unknown),
};
