// Rows that come as JSON are those that come as rows.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { instant, int, json, nullable } from '../../src/store/column.ts';
import { rowsAsJson, rowsOfJson, type JsonColumns } from '../../src/store/rows-as-json.ts';
import { openTestStore, type TestStore } from '../support/store.ts';

let store: TestStore;
beforeAll(async () => {
  store = await openTestStore();
});
afterAll(() => store.close());

const COLUMNS = { n: int, at: nullable(instant), data: nullable(json<unknown>()) };

async function read(query: string): Promise<readonly unknown[]> {
  const [row] = await store.sql<{ rows: JsonColumns }>(
    `select ${rowsAsJson(COLUMNS, query)} as rows`,
  );
  return rowsOfJson(COLUMNS, row!.rows);
}

it('gives no row where there is none, and values with what they hold', async () => {
  const one = `select 1 as n, null::timestamptz as at, '{"a": [null]}'::jsonb as data`;
  expect(await read(one)).toEqual([{ n: 1, at: null, data: { a: [null] } }]);
  expect(await read(`${one} where false`)).toEqual([]);
});

it.each([
  ['infinity', Infinity],
  ['-infinity', -Infinity],
  ['2026-01-01T00:00:00.123Z', Date.parse('2026-01-01T00:00:00.123Z')],
  ['2026-01-01T00:00:00.123999Z', Date.parse('2026-01-01T00:00:00.123Z')],
  ['1969-12-31T23:59:59.999500Z', -1],
  ['9999-12-31T23:59:59.999Z', Date.parse('9999-12-31T23:59:59.999Z')],
])('gives the time %s as its whole milliseconds', async (text, ms) => {
  const rows = await read(`select 1 as n, '${text}'::timestamptz as at, null::jsonb as data`);
  expect(rows).toEqual([{ n: 1, at: ms, data: null }]);
});

// From January 2038 to September 2039 a thousand times a float's seconds is not always its milliseconds.
it.each(['2026-11-28', '2038-06-01'])(
  'gives each millisecond of a minute of %s exactly',
  async (day) => {
    // Each other one a microsecond sooner.
    const times = `select n, timestamptz '${day}T12:00:00Z' + n * interval '1 ms'
      - (n % 2) * interval '1 microsecond' as at
    from generate_series(1, 60000) as n`;
    const exact = await store.sql<{ ms: string }>(
      `select floor(extract(epoch from at) * 1000)::text as ms from (${times}) as t order by n`,
    );
    const rows = await read(`select n, at, null::jsonb as data from (${times}) as t order by n`);
    expect(rows.map((row) => (row as { at: number }).at)).toEqual(
      exact.map(({ ms }) => Number(ms)),
    );
  },
);
