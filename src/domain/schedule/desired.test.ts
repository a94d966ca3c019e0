import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cronExpression } from '../../../test/support/cron-arbitrary.ts';
import { decideDesired, type Demand } from './desired.ts';

const working: Demand = {
  desired: 2,
  timezone: 'Europe/Berlin',
  schedules: [
    { cron: '* 9-17 * * 1-5', instances: 10 },
    { cron: '* 18-21 * * 1-5', instances: 0 },
  ],
};
const at = (time: string): number => Date.parse(time);

describe('the desired count', () => {
  it.each([
    ['2026-01-05T08:00:00Z', { count: 10, source: 'schedule' }],
    ['2026-01-05T17:00:00Z', { count: 0, source: 'schedule' }],
    ['2026-01-05T21:00:00Z', { count: 2, source: 'base' }],
    ['2026-01-04T08:00:00Z', { count: 2, source: 'base' }],
    ['2026-07-06T07:00:00Z', { count: 10, source: 'schedule' }],
  ])('at %s is %o', (time, expected) => {
    expect(decideDesired(working, at(time))).toEqual(expected);
  });

  it.each([
    ['an empty zone', { timezone: '' }],
    ['an unknown zone', { timezone: 'Mars/Base' }],
    ['an offset for a zone', { timezone: '+01:00' }],
    ['an entry that does not parse', { schedules: [{ cron: '@daily', instances: 9 }] }],
    [
      'entries that overlap at another time',
      {
        schedules: [
          { cron: '* 9 * * *', instances: 9 },
          { cron: '* 3 * * *', instances: 1 },
          { cron: '* 3 29 2 *', instances: 1 },
        ],
      },
    ],
  ])('falls back to the base count with %s', (_, change) => {
    const demand = { ...working, ...change };
    expect(decideDesired(demand, at('2026-01-05T08:00:00Z'))).toEqual({
      count: 2,
      source: 'fallback',
    });
  });

  it('needs no zone without schedules', () => {
    const demand = { desired: 4, timezone: 'Mars/Base', schedules: [] };
    expect(decideDesired(demand, 0)).toEqual({ count: 4, source: 'base' });
  });

  it('is a pure function of count, schedules, zone and time', () => {
    const demand = fc.record({
      desired: fc.nat(20),
      timezone: fc.constantFrom('UTC', 'Europe/Berlin', 'Australia/Lord_Howe', 'Mars/Base'),
      schedules: fc.array(fc.record({ cron: cronExpression, instances: fc.nat(20) }), {
        maxLength: 3,
      }),
    });
    const time = fc.integer({ min: 0, max: 2 ** 42 });
    fc.assert(
      fc.property(demand, time, time, (given, now, elsewhen) => {
        const first = decideDesired(given, now);
        // Neither what was asked in between nor the identity of the values matters.
        decideDesired({ ...given, desired: given.desired + 1 }, elsewhen);
        expect(decideDesired(structuredClone(given), now)).toEqual(first);
        expect([given.desired, ...given.schedules.map((entry) => entry.instances)]).toContain(
          first.count,
        );
      }),
    );
  });
});
