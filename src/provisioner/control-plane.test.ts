// How long a daemon waits for a control plane that takes its calls and answers none.
import { describe, expect, it } from 'vitest';
import { createManualClock, settle } from '../../test/support/manual-clock.ts';
import type { DaemonId } from '../base/id.ts';
import { createClient } from '../client/client.ts';
import { createHttpControlPlane, type ControlPlane } from './control-plane.ts';

const caller = { daemonId: 'd' as DaemonId, incarnation: 1 };
const attempt = { ...caller, jobId: 'j', attempt: 1 };
const call = { waitMs: 50_000, callId: 'c', lostCalls: [] };
const { signal } = new AbortController();

describe('a call to a control plane that stands still', () => {
  it.each<readonly [string, number, (plane: ControlPlane) => Promise<unknown>]>([
    ['a heartbeat', 10, (plane) => plane.heartbeat(attempt, [], signal)],
    [
      'a result',
      10,
      (plane) =>
        plane.complete(
          attempt,
          { result: { outcome: 'canceled' }, replaced: [], nextCallId: undefined },
          signal,
        ),
    ],
    ['a report', 10, (plane) => plane.report(caller, [], signal)],
    ['a wait for work', 60, (plane) => plane.acquire(caller, call, signal)],
    [
      'a wait for cancels',
      60,
      (plane) => plane.awaitCancels(caller, { known: [], waitMs: 50_000 }, signal),
    ],
    // They may be large, and the line slow.
    [
      'a state',
      30,
      (plane) => plane.keepState(attempt, { lock: 1, sequence: 1, state: '{}' }, signal),
    ],
    ['an archive', 30, (plane) => plane.getFile('0'.repeat(64), signal)],
  ])('is given up in time: %s', async (_name, seconds, call) => {
    const client = createClient({
      url: 'http://host:1',
      fetch: (_url, init) =>
        new Promise((_resolve, reject) => {
          init.signal?.addEventListener('abort', () => reject(init.signal?.reason as Error));
        }),
      clock: { now: () => 0, monotonicMs: () => 0, sleep: async () => undefined },
    });
    await expect(call(createHttpControlPlane(client))).rejects.toMatchObject({
      code: 'SERVER_UNREACHABLE',
      detail: `http://host:1 cannot be reached: it did not answer within ${seconds} s`,
    });
  });
});

describe('a wait for work', () => {
  /** What begins with a blank, and goes on with `rest` or not at all. */
  const begin = (until: AbortSignal, rest?: string): Response => {
    const encoder = new TextEncoder();
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        controller.enqueue(encoder.encode(' '));
        until.addEventListener('abort', () => controller.error(until.reason));
        if (rest === undefined) return;
        controller.enqueue(encoder.encode(rest));
        controller.close();
      },
    });
    return new Response(body);
  };
  const hang = (until: AbortSignal): Promise<Response> =>
    new Promise((_resolve, reject) => {
      until.addEventListener('abort', () => reject(until.reason as Error));
    });

  it.each<readonly [string, (until: AbortSignal) => Response | Promise<Response>]>([
    ['before it says anything', hang],
    ['after that', (until) => begin(until)],
  ])('is given up sooner where life was shown, when that ends: %s', async (_when, fall) => {
    const clock = createManualClock();
    let calls = 0;
    const client = createClient({
      url: 'http://host:1',
      fetch: async (_url, init) => {
        const until = init.signal ?? signal;
        calls += 1;
        return calls === 1 ? begin(until, 'null') : fall(until);
      },
      clock,
    });
    const plane = createHttpControlPlane(client);
    expect(await plane.acquire(caller, call, signal)).toBeUndefined();
    const silent = plane.acquire(caller, call, signal);
    silent.catch(() => undefined); // looked at below
    await settle(); // until what has begun is read
    await clock.advance(34_999);
    expect(clock.sleeping()).toBe(1);
    await clock.advance(1);
    await expect(silent).rejects.toMatchObject({
      code: 'SERVER_UNREACHABLE',
      detail: 'http://host:1 cannot be reached: it did not answer within 35 s',
    });
  });

  it('is no longer than proxies let anybody be silent, until life was shown', async () => {
    const asked: number[] = [];
    const client = createClient({
      url: 'http://host:1',
      fetch: async (_url, init) => {
        asked.push((JSON.parse(init.body as string) as { wait_ms: number }).wait_ms);
        return begin(init.signal ?? signal, 'null');
      },
      clock: createManualClock(),
    });
    const plane = createHttpControlPlane(client);
    for (let n = 0; n < 2; n++) await plane.acquire(caller, { ...call, waitMs: 100_000 }, signal);
    expect(asked).toEqual([50_000, 100_000]);
  });
});
