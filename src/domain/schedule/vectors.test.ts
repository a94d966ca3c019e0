// Replays the worked examples of schedules.
import { describe, expect, it } from 'vitest';
import vectors from '../../../test/vectors/rules.json' with { type: 'json' };
import { parseInstant } from '../../base/clock.ts';
import { matchesMinute, parseCron } from './cron.ts';
import { overlaps } from './overlap.ts';
import { readWallClock } from './wall-clock.ts';

describe('schedules, by their worked examples', () => {
  it.each(vectors.schedule_covers)('$cron in $timezone at $at: $covers', (vector) => {
    expect(covers(vector.cron, vector.timezone, vector.at)).toBe(vector.covers);
  });

  it.each(vectors.schedules_overlap)('$a and $b: $overlap', (vector) => {
    expect(overlap(vector.a, vector.b)).toBe(vector.overlap);
    expect(overlap(vector.b, vector.a)).toBe(vector.overlap);
  });
});

function covers(expression: string, zone: string, at: string): boolean | 'error' {
  const result = parseCron(expression);
  const wall = readWallClock(zone, parseInstant(at) ?? NaN);
  if (result.kind === 'invalid' || wall === undefined) return 'error';
  return matchesMinute(result.cron, wall);
}

function overlap(a: string, b: string): boolean | 'error' {
  const [first, second] = [parseCron(a), parseCron(b)];
  if (first.kind === 'invalid' || second.kind === 'invalid') return 'error';
  return overlaps(first.cron, second.cron);
}
