import { expect, it } from 'vitest';
import { createManualClock, settle } from '../../test/support/manual-clock.ts';
import type { Database } from './database.ts';
import { readTogether } from './read-together.ts';

const MANY = { maxConnections: 4 } as Database;

it('gives each its row, by one read for all that ask at the same moment', async () => {
  const reads: (readonly string[])[] = [];
  const find = readTogether(
    { clock: createManualClock(), database: MANY },
    {
      read: (keys: readonly string[]) => {
        reads.push(keys);
        return Promise.resolve(keys.filter((key) => key !== 'none').map((key) => ({ key })));
      },
      keyOf: ({ key }) => key,
    },
  );
  expect(await Promise.all(['b', 'none', 'a', 'b'].map((key) => find(key)))).toEqual([
    { key: 'b' },
    undefined,
    { key: 'a' },
    { key: 'b' },
  ]);
  expect(reads).toEqual([['b', 'none', 'a']]);
});

it('goes on beside reads that never end, as long as there is another connection', async () => {
  const clock = createManualClock();
  const find = readTogether(
    { clock, database: MANY },
    {
      read: ([key = '']: readonly string[]) =>
        key === 'stuck' ? new Promise<never>(() => undefined) : Promise.resolve([{ key }]),
      keyOf: (row: { readonly key: string }) => row.key,
    },
  );
  for (let n = 0; n < 3; n++) {
    void find('stuck');
    await settle();
    await clock.advance(50);
  }
  expect(await find('a')).toEqual({ key: 'a' });
});
