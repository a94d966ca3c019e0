// That the runner tries all orders, waits where PostgreSQL waits, and finds what is there to be found.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Query } from '../../../src/store/statement.ts';
import { interleave, type Play } from '../../support/interleave.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
beforeAll(async () => {
  store = await openTestStore();
  await store.sql('create table counters (n integer not null)');
});
afterAll(() => store.close());

const query = (name: string, text: string, values: readonly unknown[] = []): Query => ({
  name,
  text,
  values,
});
const setUp = async (): Promise<void> => {
  await store.sql('delete from counters');
  await store.sql('insert into counters values (0)');
};
const expectTwo = async (): Promise<void> => {
  expect(await store.sql('select n from counters')).toEqual([{ n: 2 }]);
};
/** Reads and writes in two statements; safe only when the read locks what it reads. */
const increment =
  (lock: '' | 'for update'): Play<void> =>
  (database) =>
    database.transaction(async (tx) => {
      const { rows } = await tx.query(query('read', `select n from counters ${lock}`));
      await tx.query(query('write', 'update counters set n = $1', [(rows[0]?.[0] as number) + 1]));
    });

describe('the runner', () => {
  it('finds an update that is lost, and says in which order', async () => {
    const lost = interleave(store, {
      setUp,
      sessions: { a: increment(''), b: increment('') },
      check: expectTwo,
    });
    await expect(lost).rejects.toThrow(
      'in this order:\n  a: read\n  a: write\n  b: read\n  a: commit\n  b: write\n  b: commit',
    );
  });

  it('leaves whoever waits for a lock waiting, and goes on with the other', async () => {
    const explored = await interleave(store, {
      setUp,
      sessions: { a: increment('for update'), b: increment('for update') },
      check: expectTwo,
    });
    // Each may come first, and the other at any of three moments: twice it has to wait.
    expect(explored).toMatchObject({ orders: 6, withWaiting: 4 });
  });

  it('gives what was thrown, and refuses to run through a statement that there is not', async () => {
    const explored = await interleave(store, {
      setUp,
      sessions: { a: () => Promise.reject(new Error('no')), b: () => Promise.resolve('yes') },
      check: () => Promise.resolve(),
    });
    expect(explored).toMatchObject({ orders: 1, endings: ['a: no, b: yes'] });
    const play = { setUp, sessions: {}, check: () => Promise.resolve() };
    await expect(interleave(store, { ...play, through: ['no.such'] })).rejects.toThrow('no.such');
  });
});
