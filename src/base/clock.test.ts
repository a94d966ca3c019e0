import { describe, expect, it } from 'vitest';
import { formatInstant, parseInstant } from './clock.ts';

describe('parseInstant', () => {
  it.each([
    ['2026-01-02T08:00:00Z', '2026-01-02T08:00:00.000Z'],
    ['2026-01-02T08:00:00.9999Z', '2026-01-02T08:00:00.999Z'],
    ['2026-01-02T08:00:00+02:30', '2026-01-02T05:30:00.000Z'],
    ['2024-02-29T23:59:59-11:00', '2024-03-01T10:59:59.000Z'],
  ])('reads %s', (text, expected) => {
    expect(formatInstant(parseInstant(text) ?? NaN)).toBe(expected);
  });

  it.each([
    '2026-02-30T00:00:00Z',
    '2025-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-02T24:00:00Z',
    '2026-01-02T08:60:00Z',
    '2026-01-02T08:00:00+24:00',
    '2026-01-02T08:00:00',
    '2026-01-02 08:00:00Z',
    '2026-01-02',
    '',
  ])('refuses %j', (text) => {
    expect(parseInstant(text)).toBeUndefined();
  });
});
