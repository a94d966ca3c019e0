import { describe, expect, it } from 'vitest';
import { findNextStart } from './next-start.ts';

function startsFrom(
  cron: string,
  timezone: string,
  { from, until }: { readonly from: string; readonly until: string },
): readonly string[] {
  const starts: string[] = [];
  const end = Date.parse(until);
  let at = findNextStart({ cron, timezone }, Date.parse(from));
  while (at !== null && at < end) {
    starts.push(new Date(at).toISOString().slice(0, 16));
    at = findNextStart({ cron, timezone }, at);
  }
  return starts;
}

describe('a schedule of starts', () => {
  it.each<[what: string, zone: string, cron: string, from: string, starts: readonly string[]]>([
    // Clocks go from 2:00 to 3:00.
    [
      'keeps the wall clock in spring',
      'Europe/Berlin',
      '0 9 * * *',
      '2026-03-28T12:00Z',
      ['2026-03-29T07:00', '2026-03-30T07:00'],
    ],
    [
      'skips what the clock skips',
      'Europe/Berlin',
      '30 2 * * *',
      '2026-03-28T12:00Z',
      ['2026-03-30T00:30'],
    ],
    [
      'begins where the clock goes on, when that is in the range',
      'Europe/Berlin',
      '* 2-8 * * *',
      '2026-03-28T12:00Z',
      ['2026-03-29T01:00', '2026-03-30T00:00'],
    ],
    // Clocks go from 3:00 back to 2:00.
    [
      'keeps the wall clock in autumn',
      'Europe/Berlin',
      '0 9 * * *',
      '2026-10-24T12:00Z',
      ['2026-10-25T08:00', '2026-10-26T08:00'],
    ],
    [
      'counts twice what the clock shows twice',
      'Europe/Berlin',
      '30 2 * * *',
      '2026-10-24T12:00Z',
      ['2026-10-25T00:30', '2026-10-25T01:30', '2026-10-26T01:30'],
    ],
    [
      'has one beginning of a range that goes on',
      'Europe/Berlin',
      '* 2-8 * * *',
      '2026-10-24T12:00Z',
      ['2026-10-25T00:00', '2026-10-26T01:00'],
    ],
    [
      'keeps the wall clock in another spring',
      'America/New_York',
      '0 9 * * *',
      '2026-03-07T18:00Z',
      ['2026-03-08T13:00', '2026-03-09T13:00'],
    ],
    [
      'keeps the wall clock in another autumn',
      'America/New_York',
      '0 9 * * *',
      '2026-10-31T18:00Z',
      ['2026-11-01T14:00', '2026-11-02T14:00'],
    ],
    // By half an hour: from 2:00 to 2:30, and from 2:00 back to 1:30.
    [
      'skips half an hour',
      'Australia/Lord_Howe',
      '15 2 * * *',
      '2026-10-03T00:00Z',
      ['2026-10-04T15:15'],
    ],
    [
      'repeats half an hour',
      'Australia/Lord_Howe',
      '45 1 * * *',
      '2026-04-04T00:00Z',
      ['2026-04-04T14:45', '2026-04-04T15:15', '2026-04-05T15:15'],
    ],
    [
      'knows zones that change nothing',
      'Asia/Kolkata',
      '0 9 * * *',
      '2026-03-28T12:00Z',
      ['2026-03-29T03:30', '2026-03-30T03:30'],
    ],
    ['leaves weekends out', 'UTC', '0 9 * * 1-5', '2026-05-08T10:00Z', []],
  ])('%s: %s, %s', (_what, zone, cron, from, starts) => {
    const until = new Date(Date.parse(from) + 48 * 3_600_000).toISOString();
    expect(startsFrom(cron, zone, { from, until })).toEqual(starts);
  });

  it('begins where its range does, not at each of its minutes', () => {
    const day = { from: '2026-05-04T00:00Z', until: '2026-05-05T00:00Z' };
    expect(startsFrom('* 9-17 * * *', 'UTC', day)).toEqual(['2026-05-04T09:00']);
    expect(startsFrom('0,30 9 * * *', 'UTC', day)).toEqual([
      '2026-05-04T09:00',
      '2026-05-04T09:30',
    ]);
  });

  it('has no beginning where it never ends, or cannot be read', () => {
    expect(findNextStart({ cron: '* * * * *', timezone: 'UTC' }, 0)).toBeNull();
    expect(findNextStart({ cron: '0 9 * * *', timezone: 'Nowhere' }, 0)).toBeNull();
  });
});
