import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cronExpression } from '../../../test/support/cron-arbitrary.ts';
import { checkSchedules } from './check.ts';
import { matchesMinute } from './cron.ts';
import type { Demand } from './desired.ts';
import { findNextChange } from './next-change.ts';
import { parseSchedules } from './schedule.ts';
import { readWallClock } from './wall-clock.ts';

const MINUTE = 60_000;
const DAY = 1_440 * MINUTE;

const demandOf = (
  timezone: string,
  ...schedules: readonly (readonly [string, number])[]
): Demand => ({
  desired: 1,
  timezone,
  schedules: schedules.map(([cron, instances]) => ({ cron, instances })),
});
const next = (demand: Demand, at: string): string | null => {
  const change = findNextChange(demand, Date.parse(at));
  return change === null ? null : new Date(change).toISOString();
};

/** The same, minute by minute; undefined: not within the time. */
function lookForChange(demand: Demand, at: number, days: number): number | undefined {
  const { valid } = parseSchedules(demand.schedules);
  const countAt = (minute: number): number => {
    const wall = readWallClock(demand.timezone, minute)!;
    const inForce = valid.find(({ parsed }) => matchesMinute(parsed, wall));
    return inForce?.instances ?? demand.desired;
  };
  const current = countAt(at);
  const first = Math.floor(at / MINUTE) * MINUTE + MINUTE;
  for (let minute = first; minute <= at + days * DAY; minute += MINUTE) {
    if (countAt(minute) !== current) return minute;
  }
  return undefined;
}

// Each with a moment at which its clocks change: by an hour, by half of one, by a day, at midnight.
const CHANGES: readonly (readonly [string, string])[] = [
  ['UTC', '2026-02-28T23:00Z'],
  ['Europe/Berlin', '2026-03-29T01:00Z'],
  ['Europe/Berlin', '2026-10-25T01:00Z'],
  ['America/New_York', '2026-11-01T06:00Z'],
  ['Australia/Lord_Howe', '2026-04-04T15:00Z'],
  ['Australia/Lord_Howe', '2026-10-03T15:30Z'],
  ['Pacific/Apia', '2011-12-30T10:00Z'],
  ['America/Sao_Paulo', '2018-11-04T03:00Z'],
  ['America/Sao_Paulo', '2019-02-17T02:00Z'],
  ['Africa/Casablanca', '2026-02-15T02:00Z'],
  ['Asia/Kathmandu', '2026-06-01T18:15Z'],
];

/** Ranges of hours, as people write them, more often than anything. */
const cron = fc.oneof(
  { weight: 1, arbitrary: cronExpression },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.nat(23), fc.nat(23), fc.constantFrom('*', '0-29', '30', '*/7'))
      .chain(([a, b, minutes]) =>
        fc
          .constantFrom('* * *', '* * 1-5', '* * 0', '30 12 *', '29 3 *', '1-15 * *')
          .map((days) => `${minutes} ${Math.min(a, b)}-${Math.max(a, b)} ${days}`),
      ),
  },
);

describe('the next change of the desired count', () => {
  it('is what a look at every minute finds', () => {
    const given = fc.record({
      change: fc.constantFrom(...CHANGES),
      offsetMs: fc.integer({ min: -2 * DAY, max: DAY }),
      desired: fc.nat(3),
      schedules: fc.array(fc.record({ cron, instances: fc.nat(3) }), {
        minLength: 1,
        maxLength: 3,
      }),
    });
    let found = 0;
    fc.assert(
      fc.property(given, ({ change: [timezone, at], offsetMs, desired, schedules }) => {
        fc.pre(checkSchedules(schedules, timezone).length === 0);
        const demand = { desired, timezone, schedules };
        const now = Date.parse(at) + offsetMs;
        const change = findNextChange(demand, now);
        const looked = lookForChange(demand, now, 3);
        if (looked === undefined) {
          expect(change === null || change > now + 3 * DAY).toBe(true);
        } else {
          found += 1;
          expect(change).toBe(looked);
        }
      }),
      { numRuns: 200 },
    );
    expect(found).toBeGreaterThan(50);
  });

  it.each([
    ['the end of the working day', '2026-01-05T12:34:56.789Z', '2026-01-05T18:00:00.000Z'],
    ['the last millisecond before it', '2026-01-05T17:59:59.999Z', '2026-01-05T18:00:00.000Z'],
    ['the moment itself', '2026-01-05T18:00:00.000Z', '2026-01-06T08:00:00.000Z'],
    ['the beginning after a weekend', '2026-01-09T18:00:00.000Z', '2026-01-12T08:00:00.000Z'],
    ['an hour earlier in summer', '2026-03-27T18:00:00.000Z', '2026-03-30T07:00:00.000Z'],
  ])('is %s', (_, at, expected) => {
    expect(next(demandOf('Europe/Berlin', ['* 9-18 * * 1-5', 5]), at)).toBe(expected);
  });

  it('passes over an hour that is skipped, and meets a repeated one twice', () => {
    const twoToThree = demandOf('Europe/Berlin', ['* 2 * * *', 5]);
    expect(next(twoToThree, '2026-03-28T02:00:00Z')).toBe('2026-03-30T00:00:00.000Z');
    const halfPast = demandOf('Europe/Berlin', ['30 2 * * *', 5]);
    const times = [
      '2026-10-25T00:30:00.000Z',
      '2026-10-25T00:31:00.000Z',
      '2026-10-25T01:30:00.000Z',
    ];
    expect(next(halfPast, '2026-10-25T00:00:00Z')).toBe(times[0]);
    expect(next(halfPast, '2026-10-25T00:30:00Z')).toBe(times[1]);
    expect(next(halfPast, '2026-10-25T00:31:00Z')).toBe(times[2]);
  });

  it('may lie years ahead, also over a century that has no leap year', () => {
    const leapDay = demandOf('Europe/Berlin', ['* * 29 2 *', 5]);
    expect(next(leapDay, '2026-01-01T00:00:00Z')).toBe('2028-02-28T23:00:00.000Z');
    expect(next(leapDay, '2096-03-01T00:00:00Z')).toBe('2104-02-28T23:00:00.000Z');
  });

  it('is not where one entry goes over into another with the same count', () => {
    const handedOver = demandOf('UTC', ['* 9-11 * * *', 5], ['* 12-14 * * *', 5]);
    expect(next(handedOver, '2026-01-05T09:00:00Z')).toBe('2026-01-05T15:00:00.000Z');
  });

  it.each([
    ['without schedules', demandOf('UTC')],
    ['when they ask for the base count', demandOf('UTC', ['* 9 * * *', 1])],
    ['when they never let go', demandOf('UTC', ['* * * * *', 5])],
    ['when no day is meant', demandOf('UTC', ['* * 30 2 *', 5])],
    ['when they cannot be used', demandOf('UTC', ['* 9 * * *', 5], ['* 9 * * *', 6])],
    ['when an entry does not parse', demandOf('UTC', ['@daily', 5])],
    ['in an unknown zone', demandOf('Mars/Base', ['* 9 * * *', 5])],
  ])('is none %s', (_, demand) => {
    expect(next(demand, '2026-01-05T09:00:00Z')).toBeNull();
  });
});
