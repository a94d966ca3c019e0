import { describe, expect, it } from 'vitest';
import { readWallClock } from './wall-clock.ts';
import { ZONE_NAMES } from './zone-names.generated.ts';

describe('the wall clock', () => {
  it.each([
    ['UTC', '2026-01-01T00:00:59.999Z', [1, 1, 4, 0, 0]],
    ['Asia/Kathmandu', '2025-12-31T18:15:00Z', [1, 1, 4, 0, 0]],
    ['Australia/Lord_Howe', '2025-10-04T15:29:59Z', [10, 5, 0, 1, 59]],
    ['Australia/Lord_Howe', '2025-10-04T15:30:00Z', [10, 5, 0, 2, 30]],
    ['Pacific/Apia', '2011-12-30T09:59:00Z', [12, 29, 4, 23, 59]],
    ['Pacific/Apia', '2011-12-30T10:00:00Z', [12, 31, 6, 0, 0]],
    ['America/New_York', '2025-11-02T06:30:00Z', [11, 2, 0, 1, 30]],
    ['Etc/GMT+5', '2024-02-29T04:59:00Z', [2, 28, 3, 23, 59]],
  ])('of %s at %s', (zone, at, [month, dayOfMonth, dayOfWeek, hour, minute]) => {
    expect(readWallClock(zone, Date.parse(at))).toEqual({
      month,
      dayOfMonth,
      dayOfWeek,
      hour,
      minute,
    });
  });

  it('can be read in every zone', () => {
    for (const zone of ZONE_NAMES) {
      expect(readWallClock(zone, 0)?.dayOfWeek, zone).toBeOneOf([3, 4]);
    }
  });

  it('does not exist for a zone that does not', () => {
    expect(readWallClock('europe/berlin', 0)).toBeUndefined();
    expect(readWallClock('europe/berlin', 0)).toBeUndefined();
  });
});
