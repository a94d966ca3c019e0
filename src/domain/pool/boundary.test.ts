// The moments at which the decision changes, one millisecond apart.
import { describe, expect, it } from 'vitest';
import { decidePreset, isExpired } from './decide.ts';
import { needsReconciling, type PresetFacts } from './needs-reconciling.ts';
import type { Plan } from './plan.ts';
import type { PresetSnapshot } from './snapshot.ts';

const NOW = Date.parse('2026-01-05T09:00:00Z');

const empty: PresetSnapshot = {
  preset: {
    desired: 3,
    maxInstances: null,
    ttlSeconds: null,
    usingActiveVersion: true,
    deleted: false,
    deprecated: false,
    lastInvalidatedAt: null,
    timezone: '',
    schedules: [],
    status: 'healthy',
    paused: false,
  },
  running: [],
  unhealthy: [],
  inProgress: { starting: 0, startingPending: 0, stopping: 0, deleting: 0 },
  pendingInactive: 0,
  backoff: null,
  hardLimited: false,
  trialAt: null,
  waiting: 0,
  unproven: 0,
};

const decide = (change: Partial<PresetSnapshot>): Plan =>
  decidePreset({ ...empty, ...change }, NOW, { backoffIntervalMs: 60_000 });

const create = (count: number) => [{ kind: 'create', count }];

describe('the age of a prebuild', () => {
  it.each([
    ['exactly the TTL', { createdAt: NOW - 60_000 }, false],
    ['a millisecond more', { createdAt: NOW - 60_001 }, true],
    ['in the future', { createdAt: NOW + 1 }, false],
  ])('with %s: expired %s', (_, prebuild, expected) => {
    const preset = { ttlSeconds: 60, lastInvalidatedAt: null };
    expect(isExpired(prebuild, preset, NOW)).toBe(expected);
  });

  it.each([
    ['before the invalidation', { createdAt: NOW - 1 }, true],
    ['at its instant', { createdAt: NOW }, false],
  ])('%s: expired %s', (_, prebuild, expected) => {
    const preset = { ttlSeconds: null, lastInvalidatedAt: NOW };
    expect(isExpired(prebuild, preset, NOW)).toBe(expected);
  });
});

describe('the backoff window', () => {
  it('is open at its last instant', () => {
    const plan = decide({ backoff: { numFailed: 2, lastBuildAt: NOW - 120_000 } });
    expect(plan.actions).toEqual([]);
    expect(plan.withheld).toEqual({ count: 3, reason: 'backoff', until: NOW });
    expect(plan.state.backoffUntil).toBe(NOW);
  });

  it('is over a millisecond later', () => {
    const plan = decide({ backoff: { numFailed: 2, lastBuildAt: NOW - 120_001 } });
    expect(plan.actions).toEqual(create(3));
    expect(plan.withheld).toBeNull();
    expect(plan.state.backoffUntil).toBeNull();
  });
});

describe('a hard-limited pool', () => {
  it('says when its trial comes', () => {
    expect(decide({ hardLimited: true, trialAt: NOW + 1 }).withheld).toEqual({
      count: 3,
      reason: 'hard_limited',
      until: NOW + 1,
    });
  });

  it('tries one at that instant, an open backoff window or not', () => {
    const backoff = { numFailed: 3, lastBuildAt: NOW };
    const plan = decide({ hardLimited: true, trialAt: NOW, backoff });
    expect(plan.actions).toEqual(create(1));
    expect(plan.withheld).toEqual({ count: 2, reason: 'hard_limited' });
  });

  it('waits for the end of what is starting, without an end that it could name', () => {
    const inProgress = { ...empty.inProgress, starting: 1 };
    const plan = decide({ hardLimited: true, trialAt: NOW, inProgress });
    expect(plan.actions).toEqual([]);
    expect(plan.withheld).toEqual({ count: 2, reason: 'hard_limited' });
  });

  it('never tries without a trial set', () => {
    expect(decide({ hardLimited: true }).withheld).toEqual({ count: 3, reason: 'hard_limited' });
  });

  it('names failed validation first, which no trial can mend', () => {
    const preset = { ...empty.preset, status: 'validation_failed' as const };
    const plan = decide({ preset, hardLimited: true, trialAt: NOW });
    expect(plan.withheld).toEqual({ count: 3, reason: 'validation_failed' });
  });
});

describe('waiting people', () => {
  it.each([
    ['do not raise the target without a ceiling', null, 3],
    ['raise it up to the ceiling', 5, 5],
    ['raise it by their number', 20, 13],
    ['do not lower it to a ceiling below the desired count', 1, 3],
  ])('%s', (_, maxInstances, target) => {
    const plan = decide({ preset: { ...empty.preset, maxInstances }, waiting: 10 });
    expect(plan.state.target).toBe(target);
  });

  it('raise nothing for an inactive preset', () => {
    const preset = { ...empty.preset, maxInstances: 20, deprecated: true };
    expect(decide({ preset, waiting: 10 }).state.target).toBe(0);
  });
});

describe('a preset needs no reconciling', () => {
  const settled: PresetFacts = {
    plan: decide({ preset: { ...empty.preset, desired: 0 } }),
    storedStatus: 'healthy',
    computedStatus: 'healthy',
    housekeepingDue: false,
    waiting: 0,
  };

  it('when nothing would change', () => {
    expect(needsReconciling(settled)).toBe(false);
    expect(needsReconciling({ ...settled, plan: decide({ hardLimited: true }) })).toBe(false);
  });

  it.each<[string, Partial<PresetFacts>]>([
    ['its plan acts', { plan: decide({}) }],
    ['its status changed', { computedStatus: 'validation_failed' }],
    ['housekeeping is due', { housekeepingDue: true }],
    ['somebody waits', { waiting: 1 }],
  ])('unless %s', (_, change) => {
    expect(needsReconciling({ ...settled, ...change })).toBe(true);
  });
});
