import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cronExpression } from '../../../test/support/cron-arbitrary.ts';
import { matchesMinute, parseCron, type Cron, type WallMinute } from './cron.ts';
import { neverMatches, overlaps } from './overlap.ts';

const NOON = { hour: 12, minute: 0 };
/** Noon of every day that can ever be. */
const DAYS: readonly WallMinute[] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].flatMap(
  (days, month) =>
    Array.from({ length: days }, (_, day) => day + 1).flatMap((dayOfMonth) =>
      [0, 1, 2, 3, 4, 5, 6].map((dayOfWeek) => ({
        month: month + 1,
        dayOfMonth,
        dayOfWeek,
        ...NOON,
      })),
    ),
);
/** Every minute of one day. */
const TIMES: readonly WallMinute[] = Array.from({ length: 1440 }, (_, n) => ({
  month: 1,
  dayOfMonth: 1,
  dayOfWeek: 0,
  hour: Math.floor(n / 60),
  minute: n % 60,
}));

describe('two entries', () => {
  it('overlap exactly when they match a common day and a common time of day', () => {
    fc.assert(
      fc.property(cronExpression, cronExpression, (a, b) => {
        const days = meet(DAYS, parse(dayPart(a)), parse(dayPart(b)));
        const times = meet(TIMES, parse(timePart(a)), parse(timePart(b)));
        expect(overlaps(parse(a), parse(b))).toBe(days && times);
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['* * 29 2 *', '* * * 2 4', true],
    ['* * 30 2 *', '* * * * *', false],
    ['* * 31 4,6,9,11 *', '* * * * 1', false],
    ['* * 30 2 1', '* * 1 2 *', true],
    ['0-29 9 * * *', '30-59 9 * * *', false],
    ['*/2 9 * * *', '1-59/2 9 * * *', false],
    ['* * 1-15 * *', '* * 16-31 * *', false],
    ['* * 1-15 * 1', '* * 16-31 * *', true],
    ['* * * * 1-5', '* * * * 0,6', false],
  ])('%s and %s: %s', (a, b, expected) => {
    expect(overlaps(parse(a), parse(b))).toBe(expected);
    expect(overlaps(parse(b), parse(a))).toBe(expected);
  });
});

describe('an entry', () => {
  it.each(['* * 30 2 *', '* * 30,31 FEB *', '* * 31 4 *', '* * 31 2,4,6,9,11 *'])(
    'never matches when no month has its days: %s',
    (expression) => {
      expect(neverMatches(parse(expression))).toBe(true);
    },
  );

  it.each(['* * 29 2 *', '* * 30 2 1', '* * 31 2-3 *', '59 23 31 12 *'])(
    'matches some day: %s',
    (expression) => {
      expect(neverMatches(parse(expression))).toBe(false);
    },
  );
});

function meet(moments: readonly WallMinute[], a: Cron, b: Cron): boolean {
  return moments.some((at) => matchesMinute(a, at) && matchesMinute(b, at));
}

function dayPart(expression: string): string {
  return `* * ${expression.split(' ').slice(2).join(' ')}`;
}

function timePart(expression: string): string {
  return `${expression.split(' ').slice(0, 2).join(' ')} * * *`;
}

function parse(expression: string): Cron {
  const result = parseCron(expression);
  if (result.kind === 'invalid') throw new Error(result.problem);
  return result.cron;
}
