import { afterEach, describe, expect, it } from 'vitest';
import {
  failpoint,
  FailpointError,
  installFailpoints,
  isFailpointList,
  parseFailpoints,
} from './failpoint.ts';

const slept: number[] = [];
const clock = { sleep: async (ms: number): Promise<void> => void slept.push(ms) };

afterEach(() => installFailpoints(undefined));

describe('failpoints', () => {
  it('do nothing unless they are switched on', async () => {
    expect(await failpoint('job.ended')).toBe('go');
    installFailpoints(parseFailpoints(clock, 'job.taken=throw'));
    expect(await failpoint('job.ended')).toBe('go');
  });

  it('throw, drop and delay, each time or at one passing', async () => {
    installFailpoints(
      parseFailpoints(clock, 'job.ended=throw@2; notice.sent=drop;state.kept=delay(500)'),
    );
    expect(await failpoint('job.ended')).toBe('go');
    await expect(failpoint('job.ended')).rejects.toBeInstanceOf(FailpointError);
    expect(await failpoint('job.ended')).toBe('go');
    expect([await failpoint('notice.sent'), await failpoint('notice.sent')]).toEqual([
      'drop',
      'drop',
    ]);
    expect(await failpoint('state.kept')).toBe('go');
    expect(slept).toEqual([500]);
  });

  it.each([
    ['job.ended=kill@3', true],
    ['job.ended=stop; notice.sent=drop', true],
    ['job.ended', false],
    ['job.finished=kill', false],
    ['job.ended=explode', false],
    ['toString=kill', false],
    ['', false],
  ])('are listed as %j: %s', (text, isList) => {
    expect(isFailpointList(text)).toBe(isList);
  });
});
