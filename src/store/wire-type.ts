// How values come off the wire: timestamps as epoch milliseconds, int8 as a number.
import pg from 'pg';
import { OID } from './column.ts';

type Parser = (value: string) => unknown;

const parseTimestamp = pg.types.getTypeParser(pg.types.builtins.TIMESTAMPTZ) as (
  value: string,
) => Date | number;

const parsers: Readonly<Record<number, Parser>> = {
  [OID.int8]: Number,
  [OID.timestamptz]: (value) => {
    // 'infinity' comes as a number.
    const parsed = parseTimestamp(value);
    return typeof parsed === 'number' ? parsed : parsed.getTime();
  },
};

export const wireTypes: pg.CustomTypesConfig = {
  getTypeParser: (oid): Parser => parsers[oid] ?? (pg.types.getTypeParser(oid) as Parser),
};
