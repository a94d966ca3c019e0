// What benches tell of a machine that does next to nothing for moments.
import { expect, it } from 'vitest';
import {
  apartFrom,
  describeStalls,
  findStalls,
  PIECE_EVERY_MS,
} from '../../bench/support/stall.ts';

/** One of them each time that one is to be done. */
const piecesOf = (...cpuMs: readonly number[]) =>
  cpuMs.map((each, n) => ({ atMs: (n + 1) * PIECE_EVERY_MS, cpuMs: each }));

it('finds pieces that took many times their usual processor time, as one stall where they are close', () => {
  expect(findStalls(piecesOf(1, 1.2, 9, 8, 1, 9, 1, 1, 1, 1, 1, 1, 4, 1))).toEqual([
    { fromMs: 8, toMs: 24 },
    { fromMs: 48, toMs: 52 },
  ]);
  expect(findStalls(piecesOf(1, 1, 2.9, 1))).toEqual([]);
  expect(findStalls([])).toEqual([]);
});

it('leaves out what was under way in a stall, or asked right after', () => {
  const stalls = [{ fromMs: 1_000, toMs: 1_040 }];
  const before = { dueMs: 980, endedMs: 1_000 };
  const after = { dueMs: 1_140, endedMs: 1_150 };
  const within = [
    { dueMs: 980, endedMs: 1_001 },
    { dueMs: 1_010, endedMs: 1_020 },
    { dueMs: 1_139, endedMs: 1_150 },
  ];
  expect(apartFrom(stalls, [before, ...within, after])).toEqual([before, after]);
});

it('says how many there were, and for how long', () => {
  const stalls = [
    { fromMs: 0, toMs: 10 },
    { fromMs: 50, toMs: 90 },
  ];
  expect(describeStalls(stalls, 1_000)).toBe(
    'stalls of the machine: 2, 5.0 % of the time, the longest 40 ms',
  );
  expect(describeStalls([], 1_000)).toBe(
    'stalls of the machine: 0, 0.0 % of the time, the longest 0 ms',
  );
});
