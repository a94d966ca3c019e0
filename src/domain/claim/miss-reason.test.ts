import { describe, expect, it } from 'vitest';
import { statesOf } from '../state.ts';
import { decideMissReason, MISS_REASONS, type MissFacts } from './miss-reason.ts';

const ready: MissFacts = {
  hasPool: true,
  parametersFit: true,
  withinQuota: true,
  paused: false,
  presetStatus: 'healthy',
  hardLimited: false,
  running: 3,
  expired: 0,
};

/** What makes each reason apply, in the order in which they are looked for. */
const CAUSES: readonly (readonly [string, Partial<MissFacts>])[] = [
  ['no_pool', { hasPool: false }],
  ['parameters', { parametersFit: false }],
  ['quota', { withinQuota: false }],
  ['paused', { paused: true }],
  ['validation_failed', { presetStatus: 'validation_failed' }],
  ['hard_limited', { hardLimited: true }],
  ['all_expired', { expired: 3 }],
  ['none_ready', {}],
];

describe('the reason of a miss', () => {
  it.each(CAUSES)('is %s', (reason, cause) => {
    expect(decideMissReason({ ...ready, ...cause })).toBe(reason);
  });

  it('is empty when there are none', () => {
    expect(decideMissReason({ ...ready, running: 0 })).toBe('empty');
  });

  it('is the first that applies', () => {
    CAUSES.forEach(([reason], from) => {
      const facts = CAUSES.slice(from).map(([, cause]) => cause);
      expect(decideMissReason(Object.assign({}, ready, ...facts))).toBe(reason);
    });
  });

  it('is never one that is not listed', () => {
    expect(statesOf(MISS_REASONS)).toEqual([...CAUSES.map(([reason]) => reason), 'empty']);
  });
});
