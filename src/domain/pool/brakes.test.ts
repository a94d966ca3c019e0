import { describe, expect, it } from 'vitest';
import type { PresetId, WorkspaceId } from '../../base/id.ts';
import {
  decideBrakes,
  findBackoff,
  type BrakeFacts,
  type Brakes,
  type HardLimit,
  type JudgedBuild,
} from './brakes.ts';

const NOW = Date.parse('2026-01-05T09:00:00Z');
const MINUTE = 60_000;
const PRESET = 'preset' as PresetId;
const options = { hardLimit: 3, cooldownMs: 15 * MINUTE };
const open: Brakes = { presetId: PRESET, judgedSince: NOW - 100 * MINUTE, limit: null };

/** One build for each letter, oldest first, a minute apart: f failed, s succeeded. */
function builds(results: string): readonly JudgedBuild[] {
  return results.split('').map((result, n) => ({
    workspaceId: `w${n}` as WorkspaceId,
    presetId: PRESET,
    createdAt: NOW - (results.length - n) * MINUTE,
    completedAt: NOW - (results.length - n) * MINUTE + 1_000,
    failed: result === 'f',
  }));
}

const facts = (results: string, change: Partial<BrakeFacts> = {}): BrakeFacts => ({
  stored: open,
  presetId: PRESET,
  judged: builds(results),
  isStarting: () => false,
  ...change,
});

function limited(change: Partial<HardLimit> = {}): Brakes {
  const limit = { since: NOW - 50 * MINUTE, trialAt: NOW, cooldownMs: 15 * MINUTE };
  return { ...open, limit: { ...limit, trialWorkspaceId: null, ...change } };
}

describe('the hard limit', () => {
  it.each([
    ['', false],
    ['ff', false],
    ['fff', true],
    ['sfff', true],
    ['sffs', false],
    ['ffsf', false],
  ])('after %j is reached: %s', (results, reached) => {
    const { brakes, event, changed } = decideBrakes(facts(results), NOW, options);
    expect([brakes.limit !== null, event, changed]).toEqual(
      reached ? [true, 'hard_limit_reached', true] : [false, null, false],
    );
  });

  it('is off at zero', () => {
    const off = { ...options, hardLimit: 0 };
    expect(decideBrakes(facts('fffff'), NOW, off).changed).toBe(false);
    expect(decideBrakes(facts('fff', { stored: limited() }), NOW, off).brakes.limit).toBeNull();
  });

  it('does not see builds made before the pool was forgiven, nor those of another preset', () => {
    const stored = { ...open, judgedSince: NOW - 2 * MINUTE };
    expect(decideBrakes(facts('fff', { stored }), NOW, options).changed).toBe(false);
    const judged = builds('fff').map((build) => ({ ...build, presetId: 'other' as PresetId }));
    expect(decideBrakes(facts('', { judged }), NOW, options).changed).toBe(false);
  });

  it('starts clean with another active preset', () => {
    const stored = { ...limited(), presetId: 'former' as PresetId };
    const { brakes, changed } = decideBrakes(facts('fff', { stored }), NOW, options);
    expect(brakes).toEqual({ presetId: PRESET, judgedSince: NOW, limit: null });
    expect(changed).toBe(true);
  });

  it('stands until its trial has ended', () => {
    const stored = limited({ trialWorkspaceId: 'w9' as WorkspaceId });
    const waiting = facts('fff', { stored, isStarting: (id) => id === 'w9' });
    expect(decideBrakes(waiting, NOW, options)).toEqual({
      brakes: stored,
      event: null,
      changed: false,
    });
    expect(decideBrakes(facts('fff', { stored: limited() }), NOW, options).changed).toBe(false);
  });

  it('heals when the trial succeeds, and forgets what was before', () => {
    const stored = limited({ trialWorkspaceId: 'w3' as WorkspaceId });
    expect(decideBrakes(facts('fffs', { stored }), NOW, options)).toEqual({
      brakes: { ...open, judgedSince: NOW },
      event: 'hard_limit_healed',
      changed: true,
    });
  });

  it('waits twice as long after each failed trial, up to four hours', () => {
    let stored = limited({ trialWorkspaceId: 'w3' as WorkspaceId });
    const cooldowns: number[] = [];
    for (let trial = 0; trial < 6; trial++) {
      const { brakes, event } = decideBrakes(facts('ffff', { stored }), NOW, options);
      expect(event).toBe('trial_failed');
      expect(brakes.limit?.trialAt).toBe(NOW + brakes.limit!.cooldownMs);
      cooldowns.push(brakes.limit!.cooldownMs / MINUTE);
      stored = { ...brakes, limit: { ...brakes.limit!, trialWorkspaceId: 'w3' as WorkspaceId } };
    }
    expect(cooldowns).toEqual([30, 60, 120, 240, 240, 240]);
  });

  it('repeats a trial that ended by no fault of the template without doubling', () => {
    const stored = limited({ trialWorkspaceId: 'gone' as WorkspaceId });
    const { brakes, event } = decideBrakes(facts('fff', { stored }), NOW, options);
    expect(event).toBe('trial_voided');
    expect(brakes.limit).toMatchObject({
      cooldownMs: 15 * MINUTE,
      trialAt: NOW + 15 * MINUTE,
      trialWorkspaceId: null,
    });
  });
});

describe('the backoff', () => {
  const at = { now: NOW, lookbackMs: 60 * MINUTE };

  it('counts all failures of the lookback, from the end of the newest', () => {
    expect(findBackoff(builds('fsf'), open, { ...at, newest: 1 })).toEqual({
      numFailed: 2,
      lastBuildAt: NOW - MINUTE + 1_000,
    });
  });

  it('opens only when one of the newest builds failed', () => {
    expect(findBackoff(builds('fss'), open, { ...at, newest: 2 })).toBeNull();
    expect(findBackoff(builds('fss'), open, { ...at, newest: 3 })).toMatchObject({ numFailed: 1 });
    expect(findBackoff(builds('sf'), open, { ...at, newest: 0 })).toMatchObject({ numFailed: 1 });
  });

  it('looks back to a moment that still counts', () => {
    const [build] = builds('f');
    const made = (createdAt: number) => [{ ...build!, createdAt }];
    const exactly = NOW - at.lookbackMs;
    expect(findBackoff(made(exactly), open, { ...at, newest: 1 })).not.toBeNull();
    expect(findBackoff(made(exactly - 1), open, { ...at, newest: 1 })).toBeNull();
  });
});
