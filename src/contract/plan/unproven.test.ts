// Worked examples of what is kept for those whose agents have yet to answer.
import { describe, expect, it } from 'vitest';
import { decidePreset } from '../../domain/pool/decide.ts';
import { planInputSchema } from './snapshot.ts';
import { viewPlan } from './view.ts';

const NOW = '2025-06-02T12:00:00Z';

const PRESET = {
  ...{ desired: 1, max_instances: 3, ttl_seconds: null, last_invalidated_at: null },
  ...{ using_active_version: true, deleted: false, deprecated: false },
  ...{ timezone: '', schedules: [], paused: false },
};
const NOTHING_IN_PROGRESS = { starting: 0, starting_pending: 0, stopping: 0, deleting: 0 };
const INPUT = {
  ...{ now: NOW, config: { backoff_interval_seconds: 5 }, preset: PRESET },
  ...{ in_progress: NOTHING_IN_PROGRESS, pending_inactive: 0, backoff: null, hard_limited: false },
};

const state = {
  ...{ actual: 0, expired: 0, unhealthy: 0, desired: 1, desired_source: 'base', target: 1 },
  ...{ eligible: 0, extraneous: 0, starting: 0, stopping: 0, deleting: 0, backoff_until: null },
};

const running = (...ids: readonly string[]): readonly object[] =>
  ids.map((id) => ({ id, created_at: NOW, ready: true }));

const FIVE = running('w1', 'w2', 'w3', 'w4', 'w5');

const examples = [
  {
    name: 'keeps no more than the ceiling for all of them',
    input: { ...INPUT, running: FIVE, waiting: 1, unproven: 4 },
    expected: {
      state: { ...state, actual: 5, target: 2, eligible: 5, extraneous: 2 },
      actions: [{ type: 'delete', reason: 'extraneous', ids: ['w1', 'w2'] }],
      withheld: null,
    },
  },
  {
    name: 'says while paused what is too many beside them',
    input: {
      ...{ ...INPUT, preset: { ...PRESET, paused: true } },
      ...{ running: FIVE, waiting: 0, unproven: 1 },
    },
    expected: {
      state: { ...state, actual: 5, eligible: 5, extraneous: 3 },
      actions: [],
      withheld: { count: 0, deletes: 3, reason: 'paused' },
    },
  },
  {
    name: 'cancels the pending starts that not even they need',
    input: {
      ...{ ...INPUT, in_progress: { ...NOTHING_IN_PROGRESS, starting: 3, starting_pending: 3 } },
      ...{ running: running('w1'), waiting: 0, unproven: 1 },
    },
    expected: {
      state: { ...state, actual: 1, eligible: 1, starting: 3 },
      actions: [{ type: 'cancel_pending', count: 2 }],
      withheld: null,
    },
  },
];

describe('who is being proven', () => {
  it.each(examples.map((one) => [one.name, one] as const))('%s', (_, { input, expected }) => {
    const given = planInputSchema.parse(input);
    const plan = decidePreset(given.snapshot, given.now, given);
    expect(viewPlan(plan)).toEqual(expected);
  });
});
