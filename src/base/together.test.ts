import { describe, expect, it } from 'vitest';
import { createDeferred } from '../../test/support/deferred.ts';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { together } from './together.ts';

const OPTIONS = {
  lateMs: 20,
  most: 2,
  maxItems: 3,
  isOfOneItem: (error: unknown) => (error as Error).message === 'unlucky',
};

/** Doubles; every run waits until it is let go. */
function setUp() {
  const clock = createManualClock();
  const runs: { readonly items: readonly number[]; go(): void }[] = [];
  const double = together(
    clock,
    async (items: readonly number[]) => {
      const gate = createDeferred<undefined>();
      runs.push({ items, go: () => gate.resolve(undefined) });
      await gate.promise;
      if (items.includes(13)) throw new Error('unlucky');
      if (items.includes(7)) throw new Error('down');
      return items.map((item) => item * 2);
    },
    OPTIONS,
  );
  return { clock, runs, double };
}

/** Lets what is due happen. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('what is asked for together', () => {
  it('is done by one run, and what comes meanwhile by the next', async () => {
    const { runs, double } = setUp();
    const first = [double(1), double(2)];
    await settle();
    const second = [double(3), double(4)];
    await settle();
    expect(runs.map(({ items }) => items)).toEqual([[1, 2]]);
    runs[0]!.go();
    expect(await Promise.all(first)).toEqual([2, 4]);
    await settle();
    runs[1]!.go();
    expect(await Promise.all(second)).toEqual([6, 8]);
    expect(runs).toHaveLength(2);
  });

  it('waits for what a run waits for, and takes whatever has come by then', async () => {
    const gates: (() => void)[] = [];
    const runs: (readonly number[])[] = [];
    const double = together(
      createManualClock(),
      (items: readonly number[]) => {
        runs.push(items);
        return Promise.resolve(items.map((item) => item * 2));
      },
      { ...OPTIONS, gather: () => new Promise((resolve) => gates.push(() => resolve())) },
    );
    const first = [double(1), double(2)];
    await settle();
    const later = [double(3), double(4)];
    await settle();
    expect(runs).toEqual([]);
    gates[0]!();
    expect(await Promise.all([...first, later[0]!])).toEqual([2, 4, 6]);
    await settle();
    expect(runs).toEqual([[1, 2, 3]]);
    gates[1]!();
    expect(await later[1]).toBe(8);
    expect(gates).toHaveLength(2);
  });

  it('is done in several runs where it is too much for one', async () => {
    const { runs, double } = setUp();
    const all = [1, 2, 3, 4].map((item) => double(item));
    await settle();
    runs[0]!.go();
    await settle();
    await settle();
    runs[1]!.go();
    expect(await Promise.all(all)).toEqual([2, 4, 6, 8]);
    expect(runs.map(({ items }) => items)).toEqual([[1, 2, 3], [4]]);
  });

  it('takes whoever asks again at once with those who came meanwhile', async () => {
    const { runs, double } = setUp();
    const again = double(1).then(() => double(3));
    await settle();
    const meanwhile = double(2);
    runs[0]!.go();
    await settle();
    await settle();
    runs[1]!.go();
    expect(await Promise.all([meanwhile, again])).toEqual([4, 6]);
    expect(runs.map(({ items }) => items)).toEqual([[1], [2, 3]]);
  });

  it('does not wait for a run that is late', async () => {
    const { clock, runs, double } = setUp();
    const stuck = double(1);
    await settle();
    const other = double(2);
    await clock.advance(20);
    await settle();
    runs[1]!.go();
    expect(await other).toBe(4);
    runs[0]!.go();
    expect(await stuck).toBe(2);
  });

  it('fails for the one that cannot be done, and for nobody else', async () => {
    const { runs, double } = setUp();
    const all = Promise.allSettled([double(1), double(13), double(2)]);
    for (const run of [0, 1, 2, 3]) {
      await settle();
      runs[run]!.go();
    }
    expect(await all).toEqual([
      { status: 'fulfilled', value: 2 },
      { status: 'rejected', reason: new Error('unlucky') },
      { status: 'fulfilled', value: 4 },
    ]);
  });

  it('fails for all, and is not tried again, where it is no fault of one of them', async () => {
    const { runs, double } = setUp();
    const all = Promise.allSettled([double(1), double(7)]);
    await settle();
    runs[0]!.go();
    const down = { status: 'rejected', reason: new Error('down') };
    expect(await all).toEqual([down, down]);
    expect(runs).toHaveLength(1);
  });
});
