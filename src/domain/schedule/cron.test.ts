import { Cron as Croner } from 'croner';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchesMinute, parseCron } from './cron.ts';
import { cronExpression } from '../../../test/support/cron-arbitrary.ts';
import { readWallClock } from './wall-clock.ts';

// Half-hour daylight saving, quarter-hour offsets, zones that gave it up, both hemispheres.
const ZONES = [
  'UTC',
  'Europe/Berlin',
  'Asia/Kolkata',
  'Asia/Kathmandu',
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'America/Sao_Paulo',
  'America/New_York',
];

const MINUTE_MS = 60_000;
const anyMinute = fc.integer({
  min: Date.UTC(2018, 0, 1) / MINUTE_MS,
  max: Date.UTC(2028, 0, 1) / MINUTE_MS,
});
/** When a clock of one of the zones changed. */
const CHANGES = [
  '2011-12-30T10:00Z', // Apia left out a whole day
  '2020-09-26T14:00Z',
  '2021-04-03T14:00Z',
  '2018-11-04T03:00Z', // Sao Paulo, at midnight
  '2019-02-17T02:00Z',
  '2025-03-30T01:00Z', // Berlin
  '2025-10-26T01:00Z',
  '2025-03-09T07:00Z', // New York
  '2025-11-02T06:00Z',
  '2025-04-05T15:00Z', // Lord Howe, by half an hour
  '2025-10-04T15:30Z',
];
const minuteNearChange = fc
  .tuple(fc.constantFrom(...CHANGES), fc.integer({ min: -180, max: 180 }))
  .map(([change, offset]) => Date.parse(change) / MINUTE_MS + offset);

describe('a cron expression', () => {
  it('covers the same minutes as an independent implementation', () => {
    const minute = fc.oneof(anyMinute, minuteNearChange);
    fc.assert(
      fc.property(
        cronExpression,
        fc.constantFrom(...ZONES),
        fc.array(minute, { minLength: 20, maxLength: 20 }),
        (expression, zone, minutes) => {
          const oracle = new Croner(expression, { timezone: zone });
          for (const at of minutes) {
            const date = new Date(at * MINUTE_MS);
            expect(covers(expression, zone, date.getTime()), `${zone} ${date.toISOString()}`).toBe(
              oracle.match(date),
            );
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  it('is in force from the first to the last millisecond of its minutes', () => {
    const at = (time: string): boolean =>
      covers('* 9-18 * * 1-5', 'Europe/Berlin', Date.parse(`2025-06-02T${time}+02:00`));
    expect([at('08:59:59.999'), at('09:00:00'), at('18:59:59.999'), at('19:00:00')]).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  it('skips the hour that daylight saving skips, and has the repeated one twice', () => {
    const minutesCovered = (day: string): number => {
      const start = Date.parse(`${day}T00:00:00+01:00`) - 60 * MINUTE_MS;
      return Array.from({ length: 26 * 60 }, (_, n) => start + n * MINUTE_MS).filter((at) =>
        covers('* 2 * * *', 'Europe/Berlin', at),
      ).length;
    };
    expect(minutesCovered('2026-03-28')).toBe(60);
    expect(minutesCovered('2026-03-29')).toBe(0);
    expect(minutesCovered('2026-10-25')).toBe(120);
  });

  it.each([
    ['either day field may match when both are restricted', '* * 13 * 5', '2026-02-20', true],
    ['a bare star is the only unrestricted day field', '* * 1-31 * 5', '2026-02-19', true],
    ['a star with a step restricts', '* * */2 * 5', '2026-02-20', true],
    ['with one day field restricted, that one decides', '* * 13 * *', '2026-02-20', false],
    ['names stand for numbers in any case', '* * * fEb fRi', '2026-02-20', true],
    ['0 is Sunday', '* * * * 0', '2026-02-22', true],
    ['a range may be of names and numbers', '* * * 1-FEB MON-5', '2026-02-20', true],
    ['a step counts from the start of its range', '* * 2-30/9 * *', '2026-02-20', true],
    ['a step over everything counts from the least value', '* * */19 * *', '2026-02-20', true],
    ['a list may hold anything', '* * 1,3-5,10-31/10 * *', '2026-02-20', true],
    ['numbers may have a leading zero', '00 09 020 02 *', '2026-02-20', 'error'],
    ['numbers may have a leading zero of two digits', '* 09-12 20 02 *', '2026-02-20', true],
    ['fields may stand apart', '\t *   * *  *\t* ', '2026-02-20', true],
  ])('%s: %s', (_, expression, day, expected) => {
    const result = parseCron(expression);
    const at = Date.parse(`${day}T12:00:00Z`);
    expect(result.kind === 'cron' ? covers(expression, 'UTC', at) : 'error').toBe(expected);
  });

  it.each([
    ['', 'five fields are needed, not 0'],
    ['* * * *', 'five fields are needed, not 4'],
    ['* * * * * *', 'five fields are needed, not 6'],
    ['0 0 * * * * 2026', 'five fields are needed, not 7'],
    ['@daily', 'five fields are needed, not 1'],
    ['TZ=UTC * * * * *', 'five fields are needed, not 6'],
    ['*\n* * * *', 'five fields are needed, not 4'],
    ['*\u00a0* * * *', 'five fields are needed, not 4'],
    ['60 * * * *', 'minute "60": expected 0 to 59'],
    ['* 24 * * *', 'hour "24": expected 0 to 23'],
    ['* * 0 * *', 'day of month "0": expected 1 to 31'],
    ['* * 32 * *', 'day of month "32": expected 1 to 31'],
    ['* * * 0 *', 'month "0": expected 1 to 12 or JAN to DEC'],
    ['* * * 13 *', 'month "13": expected 1 to 12 or JAN to DEC'],
    ['* * * * 7', 'day of week "7": expected 0 to 6 or SUN to SAT'],
    ['* * * * 5-7', 'day of week "5-7": expected 0 to 6 or SUN to SAT'],
    ['* * * MON *', 'month "MON": expected 1 to 12 or JAN to DEC'],
    ['* * * * JAN', 'day of week "JAN": expected 0 to 6 or SUN to SAT'],
    ['JAN * * * *', 'minute "JAN": expected 0 to 59'],
    ['* * * * MONDAY', 'day of week "MONDAY": expected *, a number'],
    ['* 18-9 * * *', 'hour "18-9": a range must not run backwards'],
    ['* * * * SAT-SUN', 'day of week "SAT-SUN": a range must not run backwards'],
    ['*/0 * * * *', 'minute "*/0": a step must lie between 1 and 60'],
    ['*/61 * * * *', 'minute "*/61": a step must lie between 1 and 60'],
    ['* 0-9/25 * * *', 'hour "0-9/25": a step must lie between 1 and 24'],
    ['5/15 * * * *', 'minute "5/15": a step needs * or a range before it'],
    ['*/ * * * *', 'minute "*/": expected *, a number'],
    ['*/2/2 * * * *', 'minute "*/2/2": expected *, a number'],
    ['/2 * * * *', 'minute "/2": expected *, a number'],
    ['*-5 * * * *', 'minute "*-5": expected *, a number'],
    ['** * * * *', 'minute "**": expected *, a number'],
    ['1-2-3 * * * *', 'minute "1-2-3": expected *, a number'],
    ['1- * * * *', 'minute "1-": expected *, a number'],
    ['-1 * * * *', 'minute "-1": expected *, a number'],
    ['1,,2 * * * *', 'minute "": expected *, a number'],
    [',1 * * * *', 'minute "": expected *, a number'],
    ['1, * * * *', 'minute "": expected *, a number'],
    ['+5 * * * *', 'minute "+5": expected *, a number'],
    ['1.5 * * * *', 'minute "1.5": expected *, a number'],
    ['1e1 * * * *', 'minute "1e1": expected *, a number'],
    ['0x1 * * * *', 'minute "0x1": expected *, a number'],
    ['5;6 * * * *', 'minute "5;6": expected *, a number'],
    ['٣ * * * *', 'minute "٣": expected *, a number'],
    ['５ * * * *', 'minute "５": expected *, a number'],
    ['* * * * ſun', 'day of week "ſun": expected *, a number'],
    ['99999999999999999999 * * * *', 'minute "99999999999999999999": expected *, a number'],
    ['*/99999999999999999999 * * * *', 'minute "*/99999999999999999999": expected *, a number'],
    ['* * L * *', 'day of month "L": expected *, a number'],
    ['* * 15W * *', 'day of month "15W": expected *, a number'],
    ['* * * * 5L', 'day of week "5L": expected *, a number'],
    ['* * * * 1#2', 'day of week "1#2": expected *, a number'],
    ['* * ? * *', 'day of month "?": expected *, a number'],
    ['H * * * *', 'minute "H": expected *, a number'],
    ['~ * * * *', 'minute "~": expected *, a number'],
    ['!5 * * * *', 'minute "!5": expected *, a number'],
  ])('refuses %j and says what is wrong', (expression, problem) => {
    const result = parseCron(expression);
    expect(result.kind === 'invalid' ? result.problem : result.kind).toContain(problem);
  });

  it('parses or refuses any text, and what it parses is written with few characters', () => {
    const character = fc.constantFrom(...Array.from('*/-,0159 \tLW#?@+.SUNjan٣ſ\n\u0000'));
    const fields = fc.array(fc.string({ unit: character, minLength: 1, maxLength: 3 }), {
      minLength: 4,
      maxLength: 6,
    });
    fc.assert(
      fc.property(fields, (texts) => {
        const expression = texts.join(' ');
        if (parseCron(expression).kind === 'cron') expect(expression).toMatch(/^[*/,\-\w \t]+$/);
      }),
      { numRuns: 2_000 },
    );
  });
});

function covers(expression: string, zone: string, at: number): boolean {
  const result = parseCron(expression);
  const wall = readWallClock(zone, at);
  if (result.kind !== 'cron' || wall === undefined) throw new Error(`${expression} in ${zone}`);
  return matchesMinute(result.cron, wall);
}
