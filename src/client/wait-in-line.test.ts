import { expect, it } from 'vitest';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { WaiterView } from '../contract/waiter/schema.ts';
import type { CallOptions, Client } from './client.ts';
import { waitInLine } from './wait-in-line.ts';

const WAITER: WaiterView = {
  ...{ id: 'id', organization: 'o', owner: 'ann', template: 't', preset: 'p', name: 'w' },
  ...{ priority: 0, state: 'waiting', position: 1, eta_seconds: null, eta_reason: null },
  ...{ workspace_id: null, error_code: null, error: null },
  ...{ created_at: '2026-01-01T00:00:00.000Z', deadline_at: '2026-01-01T00:01:30.000Z' },
  ended_at: null,
};
const LASTS_MS = 90_000;
const OVER: WaiterView = {
  ...WAITER,
  ...{ state: 'timed_out', error_code: 'WAIT_TIMEOUT', error: 'nobody came' },
};

interface Call {
  readonly heldBackMs: number;
  /** When nobody would wait for the answer any more. */
  readonly endsMs: number;
}

/** Waits with a server that does what `answer` says; the clock moves on only by that and by pauses. */
function setUp(answer: (call: Call, passMs: (ms: number) => void) => WaiterView) {
  const calls: Call[] = [];
  let nowMs = 0;
  const clock: Clock = {
    now: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: async (ms) => void (nowMs += ms),
  };
  const client = {
    url: 'http://standby',
    showsLife: () => false,
    call: async (_route: unknown, input: unknown, { timeoutMs = 30_000 }: CallOptions) => {
      const { wait_ms: heldBackMs } = (input as { query: { wait_ms: number } }).query;
      const call = { heldBackMs, endsMs: nowMs + heldBackMs + timeoutMs };
      calls.push(call);
      return { status: 200, body: answer(call, (ms) => void (nowMs += ms)) };
    },
  } as unknown as Client;
  const waiting = waitInLine({ client, clock, rng: { next: () => 0.5 } }, WAITER);
  return { waiting, calls, nowMs: () => nowMs };
}

it('ends a few seconds after the deadline where every request is swallowed', async () => {
  const { waiting, calls, nowMs } = setUp(({ endsMs }, passMs) => {
    passMs(endsMs - nowMs());
    throw new AppError('SERVER_UNREACHABLE', 'it did not answer');
  });
  await expect(waiting).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' });
  expect(calls.length).toBeGreaterThan(1);
  expect(nowMs()).toBeGreaterThanOrEqual(LASTS_MS);
  expect(nowMs()).toBeLessThanOrEqual(LASTS_MS + 5_000);
});

it('leaves the server time to say that it is over', async () => {
  const { waiting, calls } = setUp(({ heldBackMs }, passMs) => {
    passMs(heldBackMs);
    // It sees the end some seconds after this program does.
    return calls.length < 6 ? WAITER : OVER;
  });
  await expect(waiting).rejects.toMatchObject({ code: 'WAIT_TIMEOUT', detail: 'nobody came' });
  expect(calls.map(({ heldBackMs }) => heldBackMs)).toEqual([
    ...[30_000, 30_000, 30_000],
    ...[1_000, 1_000, 1_000],
  ]);
});
