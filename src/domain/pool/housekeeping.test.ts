import { describe, expect, it } from 'vitest';
import type { WorkspaceId } from '../../base/id.ts';
import { decideHousekeeping, isStuckDelete } from './housekeeping.ts';

const NOW = Date.parse('2026-01-05T09:00:00Z');
const KEEPING = { now: NOW, failedKept: 3 };
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const ended = (name: string, agoMs: number, retentionMs = DAY) => ({
  workspaceId: name as WorkspaceId,
  endedAt: NOW - agoMs,
  retentionMs,
});
const failed = (name: string, agoMs: number, tries: number) => ({
  workspaceId: name as WorkspaceId,
  endedAt: NOW - agoMs,
  tries,
});

describe('evidence', () => {
  it('is kept for its time, to the millisecond', () => {
    const keep = [ended('a', DAY - 1)];
    expect(decideHousekeeping(keep, [], KEEPING)).toEqual({
      retired: [],
      retried: [],
      nextAt: NOW + 1,
    });
    expect(decideHousekeeping([ended('a', DAY)], [], KEEPING).retired).toEqual(['a']);
  });

  it('is kept of the newest three, the others go oldest first', () => {
    const evidence = ['c', 'e', 'a', 'd', 'b'].map((name) =>
      ended(name, ('f'.charCodeAt(0) - name.charCodeAt(0)) * MINUTE),
    );
    expect(decideHousekeeping(evidence, [], KEEPING).retired).toEqual(['a', 'b']);
  });

  it('has no limit in number at zero', () => {
    const evidence = ['a', 'b', 'c', 'd', 'e'].map((name) => ended(name, MINUTE));
    const decide = (failedKept: number) =>
      decideHousekeeping(evidence, [], { now: NOW, failedKept }).retired;
    expect([decide(0), decide(1)]).toEqual([[], ['a', 'b', 'c', 'd']]);
  });

  it('has no limit in time at zero', () => {
    expect(decideHousekeeping([ended('a', 100 * DAY, 0)], [], KEEPING)).toEqual({
      retired: [],
      retried: [],
      nextAt: null,
    });
  });
});

describe('a failed delete', () => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 4],
    [6, 32],
    [7, 60],
    [40, 60],
  ])('is tried again, after try %i, in %i minutes', (tries, minutes) => {
    const before = decideHousekeeping([], [failed('a', minutes * MINUTE - 1, tries)], KEEPING);
    expect(before).toEqual({ retired: [], retried: [], nextAt: NOW + 1 });
    const due = decideHousekeeping([], [failed('a', minutes * MINUTE, tries)], KEEPING);
    expect(due).toEqual({ retired: [], retried: ['a'], nextAt: null });
  });

  it('is stuck after three tries', () => {
    expect([1, 2, 3, 4].map(isStuckDelete)).toEqual([false, false, true, true]);
  });
});
