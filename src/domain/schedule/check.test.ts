import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cronExpression } from '../../../test/support/cron-arbitrary.ts';
import { checkSchedules } from './check.ts';
import { decideDesired } from './desired.ts';

const entries = (...crons: string[]): { cron: string; instances: number }[] =>
  crons.map((cron) => ({ cron, instances: 1 }));

describe('checking the schedules of a preset', () => {
  it('finds nothing wrong with entries that can be used', () => {
    expect(checkSchedules(entries('* 9-18 * * 1-5', '* 9-18 * * 0,6'), 'Europe/Berlin')).toEqual(
      [],
    );
  });

  it('needs a zone only where there are entries, but refuses one that does not exist', () => {
    expect(checkSchedules([], '')).toEqual([]);
    expect(checkSchedules([], 'Mars/Base')).toMatchInlineSnapshot(`
      [
        {
          "code": "TIMEZONE_UNKNOWN",
          "detail": "There is no time zone "Mars/Base" in the IANA database, spelled exactly so.",
          "index": null,
        },
      ]
    `);
    expect(checkSchedules(entries('* * * * *'), '')).toMatchInlineSnapshot(`
      [
        {
          "code": "TIMEZONE_UNKNOWN",
          "detail": "The schedules have no time zone.",
          "index": null,
        },
      ]
    `);
  });

  it('says everything that is wrong, with the values, in the order of the entries', () => {
    expect(
      checkSchedules(
        entries('* 9-14 * * *', '* * * * 7', '* * 30 2 *', '* 12-18 * * *', 'x'.repeat(300)),
        'europe/berlin',
      ),
    ).toMatchInlineSnapshot(`
      [
        {
          "code": "TIMEZONE_UNKNOWN",
          "detail": "There is no time zone "europe/berlin" in the IANA database, spelled exactly so.",
          "index": null,
        },
        {
          "code": "SCHEDULE_INVALID",
          "detail": "The schedule "* * * * 7" does not parse: day of week "7": expected 0 to 6 or SUN to SAT.",
          "index": 1,
        },
        {
          "code": "SCHEDULE_NEVER_MATCHES",
          "detail": "The schedule "* * 30 2 *" never matches: no month has such a day.",
          "index": 2,
        },
        {
          "code": "SCHEDULES_OVERLAP",
          "detail": "The schedules "* 9-14 * * *" and "* 12-18 * * *" cover a common minute.",
          "index": 3,
        },
        {
          "code": "SCHEDULE_INVALID",
          "detail": "The schedule "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"… (300 characters) does not parse: five fields are needed, not 1.",
          "index": 4,
        },
      ]
    `);
  });

  it('agrees with the decision about which schedules can be used', () => {
    const entry = fc.record({
      cron: fc.oneof({ weight: 4, arbitrary: cronExpression }, fc.constant('* * * * 7')),
      instances: fc.nat(5),
    });
    const zone = fc.constantFrom('UTC', 'UTC', 'Asia/Kolkata', 'utc', '');
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 3 }), zone, (schedules, timezone) => {
        const unusable = checkSchedules(schedules, timezone).some(
          (issue) => issue.code !== 'SCHEDULE_NEVER_MATCHES',
        );
        const { source } = decideDesired({ desired: 1, timezone, schedules }, 0);
        expect(source === 'fallback').toBe(unusable);
      }),
    );
  });
});
