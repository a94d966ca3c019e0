import { describe, expect, it } from 'vitest';
import type { PresetId, WorkspaceId } from '../../base/id.ts';
import { unhealthyAt } from './health.ts';
import { memberPhase, type MemberJob, type PoolMember } from './member.ts';

const NOW = Date.parse('2026-01-05T09:00:00Z');
const MINUTE = 60_000;
const judging = { unreadyGraceMs: 10 * MINUTE, judgedFrom: NOW - 1_000 * MINUTE };

const runs: PoolMember = {
  workspaceId: 'w' as WorkspaceId,
  presetId: 'p' as PresetId,
  buildNumber: 1,
  transition: 'start',
  job: null,
  bornAt: NOW - 60 * MINUTE,
  runningSince: NOW - 59 * MINUTE,
  ready: false,
  lostAt: null,
  broken: null,
};

describe('a running prebuild', () => {
  it('is never unhealthy while it is ready', () => {
    expect(unhealthyAt({ ...runs, ready: true }, judging)).toBeNull();
  });

  it('has the grace of its template to become ready', () => {
    expect(unhealthyAt(runs, judging)).toBe(NOW - 49 * MINUTE);
  });

  it('has two minutes when it was ready before', () => {
    expect(unhealthyAt({ ...runs, lostAt: NOW - MINUTE }, judging)).toBe(NOW + MINUTE);
  });

  it('has none when it is broken', () => {
    const broken = { ...runs, broken: 'start_error', lostAt: NOW - MINUTE };
    expect(unhealthyAt(broken, judging)).toBe(NOW - MINUTE);
    expect(unhealthyAt({ ...broken, lostAt: null }, judging)).toBe(runs.runningSince);
  });

  it('is not judged by the time in which its signs of life could not be stored', () => {
    const back = { ...judging, judgedFrom: NOW + MINUTE };
    expect(unhealthyAt(runs, back)).toBe(NOW + 3 * MINUTE);
    expect(unhealthyAt({ ...runs, lostAt: NOW - 50 * MINUTE }, back)).toBe(NOW + 3 * MINUTE);
    expect(unhealthyAt(runs, { ...judging, judgedFrom: null })).toBeNull();
  });
});

describe('the phase of a member', () => {
  const built = (transition: PoolMember['transition'], job: Partial<MemberJob>): PoolMember => ({
    ...runs,
    transition,
    runningSince: null,
    job: { status: 'pending', attempt: 0, completedAt: null, bySystem: true, deletes: 0, ...job },
  });
  const phases = (transition: PoolMember['transition'], job: Partial<MemberJob> = {}) =>
    (['pending', 'running', 'canceling', 'failed', 'canceled'] as const).map((status) =>
      memberPhase(built(transition, { attempt: status === 'pending' ? 0 : 1, ...job, status })),
    );

  it('follows its latest build', () => {
    expect(memberPhase(runs)).toBe('running');
    expect(phases('start')).toEqual([
      'pending',
      'starting',
      'busy',
      'failed_start',
      'failed_start',
    ]);
    expect(phases('stop')).toEqual(['stopping', 'stopping', 'busy', 'stopped', 'stopped']);
    expect(phases('delete')).toEqual([
      'deleting',
      'deleting',
      'busy',
      'failed_delete',
      'failed_delete',
    ]);
  });

  it('is pending only for a first start that nobody ever took', () => {
    expect(memberPhase(built('start', { attempt: 1 }))).toBe('starting');
    expect(memberPhase({ ...built('start', {}), buildNumber: 2 })).toBe('starting');
  });

  it('counts nowhere while a person is at work on it', () => {
    expect(phases('start', { bySystem: false }).slice(0, 2)).toEqual(['busy', 'busy']);
    expect(phases('delete', { bySystem: false }).slice(0, 2)).toEqual(['busy', 'busy']);
  });
});
