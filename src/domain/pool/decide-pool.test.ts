import { describe, expect, it } from 'vitest';
import type { PresetId, VersionId, WorkspaceId } from '../../base/id.ts';
import type { Transition } from '../job/job.ts';
import { decidePool, type PoolOptions, type PoolWorld, type WorldPreset } from './decide-pool.ts';
import type { MemberJob, PoolMember } from './member.ts';

const NOW = Date.parse('2026-01-05T09:00:00Z');
const MINUTE = 60_000;
const options: PoolOptions = {
  hardLimit: 3,
  cooldownMs: 15 * MINUTE,
  backoffIntervalMs: MINUTE,
  backoffLookbackMs: 60 * MINUTE,
  failedKept: 3,
};

const preset: WorldPreset = {
  id: 'active' as PresetId,
  versionId: 'v1' as VersionId,
  desired: 1,
  maxInstances: null,
  ttlSeconds: null,
  usingActiveVersion: true,
  deleted: false,
  deprecated: false,
  lastInvalidatedAt: null,
  timezone: '',
  schedules: [],
  status: 'healthy',
  unreadyGraceMs: 10 * MINUTE,
  failedRetentionMs: 24 * 60 * MINUTE,
};
const world = (change: Partial<PoolWorld> = {}): PoolWorld => ({
  paused: false,
  brakes: { presetId: preset.id, judgedSince: 0, limit: null },
  presets: [preset],
  members: [],
  judged: [],
  silenceJudgedFrom: 0,
  waiting: 0,
  unproven: 0,
  ...change,
});
const running = (name: string, change: Partial<PoolMember> = {}): PoolMember => ({
  workspaceId: name as WorkspaceId,
  presetId: preset.id,
  buildNumber: 1,
  transition: 'start',
  job: null,
  bornAt: NOW - 30 * MINUTE,
  runningSince: NOW - 29 * MINUTE,
  ready: true,
  lostAt: null,
  broken: null,
  ...change,
});
const ended = (name: string, change: Partial<MemberJob>, transition: Transition) =>
  running(name, {
    transition,
    runningSince: null,
    ready: false,
    job: { status: 'failed', attempt: 1, completedAt: NOW, bySystem: true, deletes: 0, ...change },
  });
const decide = (change: Partial<PoolWorld>, now = NOW) => decidePool(world(change), now, options);

describe('a whole pool', () => {
  it('needs nothing when it is at its target', () => {
    const decision = decide({ members: [running('w')] });
    expect(decision).toMatchObject({ needsReconciling: false, nextAt: null, turnedBad: [] });
  });

  it('needs its brakes stored once, and never while it is paused', () => {
    expect(decide({ brakes: null, members: [running('w')] }).needsReconciling).toBe(true);
    const paused = decide({ brakes: null, paused: true, members: [running('a'), running('b')] });
    expect(paused).toMatchObject({ needsReconciling: false, brakes: null, nextAt: null });
    expect(paused.presets[0]?.plan.withheld).toEqual({ count: 0, deletes: 1, reason: 'paused' });
  });

  it('that is paused keeps a failed validation, which nobody may write', () => {
    const failed = { ...preset, status: 'validation_failed' as const };
    const paused = decide({ paused: true, presets: [failed] });
    expect(paused).toMatchObject({ needsReconciling: false, revalidate: null });
    expect(decide({ brakes: null, presets: [failed] }).revalidate).toBe(preset.id);
  });

  it('is drained before it is filled', () => {
    const old = { ...preset, id: 'old' as PresetId, usingActiveVersion: false };
    const decision = decide({
      presets: [preset, old],
      members: [running('w', { presetId: old.id })],
    });
    expect(decision.presets.map(({ plan }) => plan.actions.map(({ kind }) => kind))).toEqual([
      ['delete'],
      ['create'],
    ]);
  });

  it('counts a prebuild that turned bad as a failed build, from that moment', () => {
    const workspaceId = 'w' as WorkspaceId;
    const judged = [
      {
        workspaceId,
        presetId: preset.id,
        createdAt: NOW - 31 * MINUTE,
        completedAt: NOW - 29 * MINUTE,
        failed: false,
      },
    ];
    const bad = running('w', { ready: false, broken: 'start_error', lostAt: NOW - 1_000 });
    const decision = decide({ members: [bad], judged });
    expect(decision.turnedBad).toEqual([{ ...judged[0], failed: true, completedAt: NOW - 1_000 }]);
    expect(decision.presets[0]?.plan).toMatchObject({
      actions: [{ kind: 'delete', reason: 'unhealthy', ids: ['w'] }],
      withheld: { count: 1, reason: 'backoff', until: NOW - 1_000 + MINUTE },
    });
    expect(decision.nextAt).toBe(NOW - 1_000 + MINUTE + 1);
  });

  it('takes a failed validation back when another preset was active in between', () => {
    const failed = { ...preset, status: 'validation_failed' as const };
    const same = decide({ presets: [failed] });
    expect(same).toMatchObject({ revalidate: null, needsReconciling: false });
    const brakes = { presetId: 'other' as PresetId, judgedSince: 0, limit: null };
    const again = decide({ presets: [failed], brakes });
    expect(again).toMatchObject({ revalidate: preset.id, needsReconciling: true });
    expect(again.presets[0]?.plan.actions).toEqual([{ kind: 'create', count: 1 }]);
  });

  it('leaves a prebuild that a person stopped while its preset is active', () => {
    const stopped = ended('w', { status: 'succeeded', bySystem: false }, 'stop');
    const later = NOW + 48 * 60 * MINUTE;
    expect(decide({ members: [stopped] }, later).housekeeping.retired).toEqual([]);
    const presets = [{ ...preset, deprecated: true }];
    expect(decide({ members: [stopped], presets }, later).housekeeping.retired).toEqual(['w']);
  });
});

describe('the next moment of a pool', () => {
  it('is a millisecond after the end of the next TTL', () => {
    const presets = [{ ...preset, desired: 2, ttlSeconds: 3600 }];
    const members = [running('a'), running('b', { bornAt: NOW - 40 * MINUTE })];
    expect(decide({ presets, members }).nextAt).toBe(NOW + 20 * MINUTE + 1);
  });

  it('is when the schedules of the active preset ask for another count', () => {
    const schedules = [{ cron: '* 9-17 * * 1-5', instances: 3 }];
    const scheduled = { ...preset, timezone: 'Europe/Berlin', schedules };
    const at = (time: string) => Date.parse(time);
    expect(decide({ presets: [scheduled] }).nextAt).toBe(at('2026-01-05T17:00:00Z'));
    expect(decide({ presets: [scheduled], paused: true }).nextAt).toBeNull();
    const former = { ...scheduled, usingActiveVersion: false };
    expect(decide({ presets: [former], members: [running('w')] }).nextAt).toBeNull();
  });

  it('is when a prebuild that is not ready becomes unhealthy', () => {
    const members = [running('w', { ready: false, runningSince: NOW - MINUTE })];
    expect(decide({ members }).nextAt).toBe(NOW + 9 * MINUTE);
  });

  it('is the trial of a limited pool', () => {
    const limit = { since: NOW, trialAt: NOW + 5, cooldownMs: 15 * MINUTE, trialWorkspaceId: null };
    const judged = ['a', 'b', 'c'].map((name) => ({
      workspaceId: name as WorkspaceId,
      presetId: preset.id,
      createdAt: NOW - 50 * MINUTE,
      completedAt: NOW - 50 * MINUTE,
      failed: true,
    }));
    const brakes = { presetId: preset.id, judgedSince: 0, limit };
    expect(decide({ brakes, judged })).toMatchObject({ needsReconciling: false, nextAt: NOW + 5 });
  });

  it('is the end of a retention or the next try of a delete', () => {
    const members = [
      running('w'),
      ended('evidence', {}, 'start'),
      ended('undead', { deletes: 2 }, 'delete'),
    ];
    expect(decide({ members }).nextAt).toBe(NOW + 2 * MINUTE);
    expect(decide({ members: members.slice(0, 2) }).nextAt).toBe(NOW + 24 * 60 * MINUTE);
  });
});
