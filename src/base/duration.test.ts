import { describe, expect, it } from 'vitest';
import { formatDuration, parseDurationMs } from './duration.ts';

describe('parseDurationMs', () => {
  it.each([
    ['0s', 0],
    ['500ms', 500],
    ['10s', 10_000],
    ['5m', 300_000],
    ['8h', 28_800_000],
    ['1d', 86_400_000],
    ['-1m', -60_000],
  ])('reads %s', (text, expected) => expect(parseDurationMs(text)).toBe(expected));

  it.each([
    '',
    '5',
    's',
    '5 s',
    '1.5h',
    '1h30m',
    '5S',
    '٣s',
    '1e3s',
    '12345678901s',
    '5w',
    '5constructor',
  ])('refuses "%s"', (text) => expect(parseDurationMs(text)).toBeUndefined());
});

describe('formatDuration', () => {
  it.each(['0d', '1ms', '59s', '61s', '90m', '36h', '2d', '-1m'])('writes %s', (text) =>
    expect(formatDuration(parseDurationMs(text) ?? NaN)).toBe(text),
  );
});
