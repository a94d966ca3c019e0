import { describe, expect, it } from 'vitest';
import type { Clock } from '../base/clock.ts';
import { createLogBuffer, type LogBuffer } from './log-buffer.ts';

const clock: Clock = {
  now: () => 0,
  monotonicMs: () => 0,
  sleep: () => Promise.resolve(),
};

const drain = (buffer: LogBuffer): string[] => {
  const lines: string[] = [];
  while (!buffer.isEmpty) {
    const batch = buffer.peek();
    buffer.delivered(batch);
    lines.push(...batch.map(({ line }) => line));
  }
  return lines;
};

describe('the log lines of an attempt', () => {
  it('are numbered, timed and kept until they were delivered', () => {
    const buffer = createLogBuffer(clock);
    buffer.add('info', 'one');
    buffer.add('error', 'two');
    const expected = [
      { seq: 0, at: '1970-01-01T00:00:00.000Z', level: 'info', line: 'one' },
      { seq: 1, at: '1970-01-01T00:00:00.000Z', level: 'error', line: 'two' },
    ];
    expect(buffer.peek()).toEqual(expected);
    expect(buffer.peek()).toEqual(expected); // the heartbeat was lost: the same again
    buffer.delivered(buffer.peek());
    expect(buffer.isEmpty).toBe(true);
    buffer.add('info', 'three');
    expect(buffer.peek()).toMatchObject([{ seq: 2 }]);
  });

  it('go in batches of at most 1,000 lines, far smaller than a request may be', () => {
    const buffer = createLogBuffer(clock);
    for (let i = 0; i < 1_500; i += 1) buffer.add('info', String(i));
    expect(buffer.peek()).toHaveLength(1_000);
    expect(drain(buffer)).toEqual(Array.from({ length: 1_500 }, (_, i) => String(i)));
    for (const character of ['x', 'ß', '\u001b', '"', '\ud800']) {
      for (let i = 0; i < 80; i += 1) buffer.add('info', character.repeat(8_000));
      expect(Buffer.byteLength(JSON.stringify(buffer.peek()))).toBeLessThan(600_000);
      expect(drain(buffer)).toHaveLength(80);
    }
  });

  it('are bounded even where there is nothing in them', () => {
    const buffer = createLogBuffer(clock);
    for (let i = 0; i < 100_000; i += 1) buffer.add('info', '');
    expect(drain(buffer).length).toBeLessThan(50_000);
  });

  it('are dropped with a mark when they come too fast', () => {
    const buffer = createLogBuffer(clock);
    const sent = 1_000;
    for (let i = 0; i < sent; i += 1) buffer.add('info', 'x'.repeat(8_000));
    const lines = drain(buffer);
    const kept = lines.filter((line) => line.startsWith('x')).length;
    expect(kept).toBe(Math.floor((4 * 1024 * 1024) / (8_000 + 2 + 128)));
    expect(lines.at(-1)).toMatch(new RegExp(`^${sent - kept} lines are missing here`));
    buffer.add('info', 'afterwards');
    expect(drain(buffer)).toEqual(['afterwards']);
  });

  it('are dropped without a word when nobody wants more', () => {
    const buffer = createLogBuffer(clock);
    for (let i = 0; i < 2_000; i += 1) buffer.add('info', 'x'.repeat(8_000));
    const batch = buffer.peek();
    buffer.close();
    buffer.delivered(batch);
    buffer.add('info', 'late');
    expect(buffer.isEmpty).toBe(true);
    expect(buffer.peek()).toEqual([]);
  });

  it('are cut when they are longer than anybody reads', () => {
    const buffer = createLogBuffer(clock);
    buffer.add('info', 'y'.repeat(1_000_000));
    expect(buffer.peek()[0]?.line).toMatch(/^y{8192} … \(991808 characters more\)$/);
  });
});
