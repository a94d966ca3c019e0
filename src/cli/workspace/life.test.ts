import { expect, it } from 'vitest';
import { describeLife } from './life.ts';

const NOW = Date.parse('2026-01-05T09:05:00.000Z');
const life = {
  ...{ ttl_seconds: null, deadline_at: null, lifetime_ends_at: null, idle_stop_seconds: null },
  ...{ dormant_at: null, dormant_until: null, automatic_updates: 'never' as const },
};
const autostart = {
  ...{ schedule: '0 9 * * *', timezone: 'UTC', next_at: '2026-01-06T09:00:00.000Z' },
  refused: null,
};

it('tells when it is started next', () => {
  expect(describeLife({ ...life, autostart }, NOW)).toEqual([
    ['starts', '0 9 * * * UTC, next in 23h (2026-01-06T09:00:00.000Z)'],
  ]);
});

it('tells why it was not started, and what to do about it', () => {
  const refused = {
    at: '2026-01-05T09:02:00.000Z',
    ...{ code: 'QUOTA_EXCEEDED', detail: 'it costs too much', hint: 'Stop another one.' },
  };
  expect(describeLife({ ...life, autostart: { ...autostart, refused } }, NOW).slice(1)).toEqual([
    ['not started', '3m ago: it costs too much (QUOTA_EXCEEDED)'],
    ['to start it', 'Stop another one.'],
  ]);
});
