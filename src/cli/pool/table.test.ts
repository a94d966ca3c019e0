import { describe, expect, it } from 'vitest';
import type { PoolView } from '../../contract/pool/schema.ts';
import { describePool } from './table.ts';

const FULL: PoolView = {
  ...{ id: 'id', organization: 'o', template: 't', preset: 'p', version: 'v1' },
  ...{ paused: false, reconciliation_paused: false, size_override: null },
  ...{ last_invalidated_at: null, limit: null, withheld: null, validation_error: null },
  rehearsal: null,
  state: {
    ...{ actual: 2, expired: 0, unhealthy: 0, desired: 2, desired_source: 'base', target: 2 },
    ...{ eligible: 2, extraneous: 0, starting: 0, stopping: 0, deleting: 0, backoff_until: null },
  },
};
const AT = '2026-01-02T08:00:00.000Z';
const LIMIT = { since: AT, trial_at: AT, trial_workspace_id: null };
const filling = { ...FULL.state!, eligible: 1 };

describe('what is said of a pool', () => {
  it.each<[string, Partial<PoolView>]>([
    ['full', {}],
    ['filling', { state: filling }],
    ['filling, 1 unhealthy', { state: { ...filling, unhealthy: 1 } }],
    ['paused', { paused: true }],
    ['everything is paused; paused', { paused: true, reconciliation_paused: true }],
    [
      `limited since ${AT}; 2 creations withheld: hard_limited until ${AT}`,
      { limit: LIMIT, withheld: { count: 2, reason: 'hard_limited', until: AT } },
    ],
    [
      'filling; 1 creation withheld: budget',
      { state: filling, withheld: { count: 1, reason: 'budget' } },
    ],
    ['validation failed: its parameters do not fit: no size', { validation_error: 'no size' }],
    ['not asked for any more', { state: null }],
    ['inactive', { state: { ...filling, desired_source: 'inactive' } }],
  ])('is: %s', (said, pool) => {
    expect(describePool({ ...FULL, ...pool })).toBe(said);
  });
});
