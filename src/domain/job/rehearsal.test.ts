import { describe, expect, it } from 'vitest';
import {
  judgePromotion,
  judgeRehearsal,
  rehearsalStatus,
  type PromotedPreset,
  type StoredRehearsal,
} from './rehearsal.ts';
import type { JobResult } from './job.ts';

describe('a rehearsal', () => {
  const stored: StoredRehearsal = {
    ...{ wish: 'report', driver: 'terraform', isBegun: true, outcome: null },
  };

  it.each<[string, Partial<StoredRehearsal>]>([
    ['off', { wish: 'off', outcome: 'replaces' }],
    ['not_applicable', { driver: 'docker', isBegun: false }],
    ['waiting', { isBegun: false }],
    ['waiting', { outcome: 'void' }],
    ['running', {}],
    ['clean', { outcome: 'clean' }],
    ['replaces', { outcome: 'replaces' }],
    ['failed', { wish: 'refuse', outcome: 'failed' }],
  ])('is %s for %j', (status, change) => {
    expect(rehearsalStatus({ ...stored, ...change })).toBe(status);
  });

  const finding = { address: 'a.b', action: 'replace', paths: [] } as const;
  const succeeded: JobResult = { outcome: 'succeeded', outputs: {} };
  const failed = (errorCode: string): JobResult => ({ outcome: 'failed', error: 'e', errorCode });

  it.each<[string, JobResult, boolean, boolean]>([
    ['clean', succeeded, false, true],
    ['replaces', succeeded, true, true],
    ['void', succeeded, true, false],
    ['void', succeeded, false, false],
    ['failed', failed('build_failed'), false, true],
    ['failed', failed('run_time_exceeded'), false, true],
    ['void', failed('build_failed'), false, false],
    ['void', failed('prebuild_gone'), false, true],
    ['void', failed('daemon_lost'), false, true],
    ['void', { outcome: 'canceled' }, false, true],
  ])('ends %s after %j', (outcome, result, finds, isStillThere) => {
    const findings = finds ? [finding] : [];
    expect(judgeRehearsal({ result, findings, isStillThere }).outcome).toBe(outcome);
  });
});

describe('a version that refuses what claims replace', () => {
  const preset = (name: string, change: Partial<StoredRehearsal>): PromotedPreset => ({
    ...{ wish: 'refuse', driver: 'terraform', isBegun: true, outcome: null, preset: name },
    ...change,
  });

  it('waits for the rehearsals of all its presets, and begins those that are missing', () => {
    const presets = [
      preset('clean', { outcome: 'clean' }),
      preset('new', { isBegun: false }),
      preset('void', { outcome: 'void' }),
      preset('running', {}),
    ];
    expect(judgePromotion(presets)).toEqual({
      refused: [],
      begin: ['new', 'void'],
      awaited: ['running'],
    });
  });

  it('is refused for what replaces something or cannot be planned', () => {
    const presets = [
      preset('bad', { outcome: 'replaces' }),
      preset('broken', { outcome: 'failed' }),
    ];
    expect(judgePromotion(presets).refused).toEqual(['bad', 'broken']);
  });

  it.each<[string, Partial<StoredRehearsal>]>([
    ['only reports', { wish: 'report', outcome: 'replaces' }],
    ['wants no rehearsals', { wish: 'off', isBegun: false }],
    ['has a driver without plans', { driver: 'docker', isBegun: false }],
    ['is clean', { outcome: 'clean' }],
  ])('is promoted when it %s', (_why, change) => {
    expect(judgePromotion([preset('p', change)])).toEqual({
      refused: [],
      begin: [],
      awaited: [],
    });
  });
});
