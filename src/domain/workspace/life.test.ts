import { describe, expect, it } from 'vitest';
import { decideLife, type LatestBuild, type Life, type LifeDecision } from './life.ts';

const NOW = Date.UTC(2026, 4, 4, 12);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const RUNS: LatestBuild = {
  ...{ transition: 'start', jobStatus: 'succeeded', endedAt: null, tries: 0 },
  ...{ reason: 'create', createdAt: NOW - 2 * HOUR },
};
const STOPPED: LatestBuild = { ...RUNS, transition: 'stop', reason: 'stop' };

const life = (given: Partial<Life>): Life => ({
  deadlineAt: null,
  lifetimeEndsAt: null,
  autostart: null,
  nextStartAt: null,
  mayStart: true,
  lastUsedAt: NOW,
  idleStopSeconds: null,
  dormantAfterSeconds: null,
  deleteDormantAfterSeconds: null,
  dormantAt: null,
  latest: RUNS,
  ...given,
});

const NOTHING: LifeDecision = {
  step: null,
  nextStartAt: null,
  dormantAt: null,
  dueAt: null,
};
const at = (dueAt: number): LifeDecision => ({ ...NOTHING, dueAt });
const STOP: LifeDecision = { ...NOTHING, step: { transition: 'stop', reason: 'deadline' } };
const DELETE: LifeDecision = { ...NOTHING, step: { transition: 'delete', reason: 'max_lifetime' } };

const failed = (
  transition: LatestBuild['transition'],
  tries: number,
  agoMs: number,
): LatestBuild => ({
  ...{ ...RUNS, transition, jobStatus: 'failed', endedAt: NOW - agoMs, tries },
});

describe('what becomes of a workspace by itself', () => {
  it.each<[string, Partial<Life>, LifeDecision]>([
    ['nothing, where nothing limits it', {}, NOTHING],
    ['a stop at its deadline', { deadlineAt: NOW }, STOP],
    ['nothing a millisecond before', { deadlineAt: NOW + 1 }, at(NOW + 1)],
    ['a stop long after a deadline that nobody kept', { deadlineAt: NOW - 100 * HOUR }, STOP],
    ['a stop of what failed to start', { deadlineAt: NOW, latest: failed('start', 1, 0) }, STOP],
    ['nothing for what is stopped', { deadlineAt: NOW, latest: STOPPED }, NOTHING],
    ['a delete at the end of its lifetime', { lifetimeEndsAt: NOW }, DELETE],
    ['a delete of what is stopped', { lifetimeEndsAt: NOW, latest: STOPPED }, DELETE],
    ['a delete rather than a stop', { deadlineAt: NOW - HOUR, lifetimeEndsAt: NOW }, DELETE],
    ['the earlier of both', { deadlineAt: NOW + 1, lifetimeEndsAt: NOW + 2 }, at(NOW + 1)],
    [
      'nothing while a build is under way',
      { lifetimeEndsAt: NOW, latest: { ...RUNS, jobStatus: 'running' } },
      NOTHING,
    ],
    [
      'nothing while one is pending',
      { deadlineAt: NOW, latest: { ...STOPPED, jobStatus: 'pending' } },
      NOTHING,
    ],
    [
      'nothing while one is being canceled',
      { deadlineAt: NOW, latest: { ...RUNS, jobStatus: 'canceling' } },
      NOTHING,
    ],
    [
      'another stop a minute after one failed',
      { deadlineAt: NOW - HOUR, latest: failed('stop', 1, MINUTE) },
      STOP,
    ],
    [
      'none before that',
      { deadlineAt: NOW - HOUR, latest: failed('stop', 1, MINUTE - 1) },
      at(NOW + 1),
    ],
    [
      'none for twice as long after two',
      { deadlineAt: NOW - HOUR, latest: failed('stop', 2, MINUTE) },
      at(NOW + MINUTE),
    ],
    [
      'another delete an hour after many failed',
      { lifetimeEndsAt: NOW - 99 * HOUR, latest: failed('delete', 50, HOUR) },
      DELETE,
    ],
    [
      'a delete at once after a stop failed',
      { lifetimeEndsAt: NOW, latest: failed('stop', 3, 0) },
      DELETE,
    ],
    [
      'no stop of what somebody began to delete',
      { deadlineAt: NOW, latest: failed('delete', 1, HOUR) },
      NOTHING,
    ],
  ])('is %s', (_what, given, decision) => {
    expect(decideLife(life(given), NOW)).toEqual(decision);
  });
});

describe('a start by schedule', () => {
  // A Monday, at noon in UTC.
  const autostart = { cron: '0 12 * * 1-5', timezone: 'UTC' };
  const due = { autostart, nextStartAt: NOW, latest: STOPPED };
  const TOMORROW = NOW + 24 * HOUR;
  const START: LifeDecision = {
    ...NOTHING,
    ...{ step: { transition: 'start', reason: 'autostart' }, nextStartAt: TOMORROW, dueAt: null },
  };
  const LATER: LifeDecision = { ...NOTHING, nextStartAt: TOMORROW, dueAt: TOMORROW };

  const stopped = (reason: string, agoMs: number): LatestBuild => ({
    ...{ ...STOPPED, reason, createdAt: NOW - agoMs },
  });

  it.each<[string, Partial<Life>, LifeDecision]>([
    ['begins on time', due, START],
    [
      'does not begin a millisecond before',
      { ...due, nextStartAt: NOW + 1 },
      { ...NOTHING, nextStartAt: NOW + 1, dueAt: NOW + 1 },
    ],
    ['begins an hour late', { ...due, nextStartAt: NOW - HOUR }, START],
    ['is left out when it would be later', { ...due, nextStartAt: NOW - HOUR - 1 }, LATER],
    ['finds nothing to do where it runs', { ...due, latest: RUNS }, LATER],
    ['tries again what failed to start', { ...due, latest: failed('start', 2, HOUR) }, START],
    ['leaves what its owner has stopped since', { ...due, latest: stopped('stop', 0) }, LATER],
    ['starts what its owner stopped before', { ...due, latest: stopped('stop', 1) }, START],
    [
      'leaves what its owner could not start since',
      { ...due, latest: { ...failed('start', 1, 0), createdAt: NOW, reason: 'start' } },
      LATER,
    ],
    [
      'starts what its deadline has stopped since',
      { ...due, latest: stopped('deadline', 0) },
      START,
    ],
    ['starts what was idle since', { ...due, latest: stopped('idle', 0) }, START],
    ['starts nothing that is to be deleted', { ...due, latest: failed('delete', 1, 0) }, LATER],
    ['starts nothing that its owner may not start', { ...due, mayStart: false }, LATER],
    ['is found where nobody knows the next one', { ...due, nextStartAt: null }, LATER],
    [
      'waits for a build that is under way',
      { ...due, latest: { ...STOPPED, jobStatus: 'running' } },
      { ...NOTHING, nextStartAt: NOW },
    ],
    [
      'follows a stop at the same moment',
      { ...due, latest: RUNS, deadlineAt: NOW },
      { ...STOP, nextStartAt: NOW },
    ],
    [
      'comes after the end of a life',
      { ...due, lifetimeEndsAt: NOW },
      { ...DELETE, nextStartAt: NOW },
    ],
  ])('%s', (_what, given, decision) => {
    expect(decideLife(life(given), NOW)).toEqual(decision);
  });
});

describe('a workspace that nobody uses', () => {
  const HOUR_S = 3_600;
  const stop = (reason: 'idle' | 'dormant'): LifeDecision => ({
    ...NOTHING,
    step: { transition: 'stop', reason },
  });
  const idle = { idleStopSeconds: HOUR_S, lastUsedAt: NOW - HOUR };
  const rests = { dormantAfterSeconds: HOUR_S, lastUsedAt: NOW - HOUR };
  const dormant = { ...rests, dormantAt: NOW - HOUR, deleteDormantAfterSeconds: HOUR_S };
  const autostart = { cron: '0 12 * * 1-5', timezone: 'UTC' };
  const TOMORROW = NOW + 24 * HOUR;

  it.each<[string, Partial<Life>, LifeDecision]>([
    ['is stopped when it has been idle for long enough', idle, stop('idle')],
    ['runs till then', { ...idle, lastUsedAt: NOW - HOUR + 1 }, at(NOW + 1)],
    [
      'is not idle before it has started',
      { ...idle, latest: { ...RUNS, endedAt: NOW - MINUTE } },
      at(NOW + 59 * MINUTE),
    ],
    ['is not idle while it is stopped', { ...idle, latest: STOPPED }, NOTHING],
    ['becomes dormant, and is stopped', rests, { ...stop('dormant'), dormantAt: NOW }],
    ['becomes dormant where it is', { ...rests, latest: STOPPED }, { ...NOTHING, dormantAt: NOW }],
    ['is awake till then', { ...rests, lastUsedAt: NOW - HOUR + 1 }, at(NOW + 1)],
    [
      'becomes dormant once a build has ended',
      { ...rests, latest: { ...RUNS, jobStatus: 'running' } },
      NOTHING,
    ],
    [
      'is kept for a while as it is dormant',
      { ...dormant, dormantAt: NOW - 1, latest: STOPPED },
      { ...at(NOW + HOUR - 1), dormantAt: NOW - 1 },
    ],
    [
      'is deleted then',
      { ...dormant, latest: STOPPED },
      {
        ...NOTHING,
        step: { transition: 'delete', reason: 'dormant_too_long' },
        dormantAt: NOW - HOUR,
      },
    ],
    [
      'is stopped again when it could not be',
      { ...dormant, dormantAt: NOW - 1, latest: failed('stop', 1, MINUTE) },
      { ...stop('dormant'), dormantAt: NOW - 1 },
    ],
    [
      'is not started by schedule while it is dormant',
      { ...dormant, dormantAt: NOW - 1, latest: STOPPED, autostart, nextStartAt: NOW },
      { ...at(NOW + HOUR - 1), dormantAt: NOW - 1, nextStartAt: TOMORROW },
    ],
    [
      'becomes dormant rather than being started',
      { ...rests, latest: STOPPED, autostart, nextStartAt: NOW },
      { ...at(TOMORROW), dormantAt: NOW, nextStartAt: TOMORROW },
    ],
  ])('%s', (_what, given, decision) => {
    expect(decideLife(life(given), NOW)).toEqual(decision);
  });
});
