import { describe, expect, it } from 'vitest';
import { createManualClock, settle } from '../../test/support/manual-clock.ts';
import type { Hear } from './notice-subscribers.ts';
import { waitFor } from './long-poll.ts';

/** Counts the looks of a wait of a second that polls every minute, and tells it that something has changed. */
async function begin(options: { readonly looksAtEnd?: boolean }) {
  const clock = createManualClock();
  let hear: Hear = () => undefined;
  let looks = 0;
  const bus = {
    subscribe: (_wanted: unknown, heard: Hear) => {
      hear = heard;
      return () => undefined;
    },
  };
  const found = waitFor<string>(
    { clock, bus, rng: { next: () => 0.5 } as never },
    {
      wanted: 'pool',
      look: () => {
        looks += 1;
        return Promise.resolve(undefined);
      },
    },
    { signal: new AbortController().signal, timeoutMs: 1_000, pollMs: 60_000, ...options },
  );
  await settle(); // it sleeps now
  return { clock, found: () => found, looks: () => looks, tell: () => hear({ kind: 'prebuilds' }) };
}

describe('a wait', () => {
  it('looks at once and at its end', async () => {
    const wait = await begin({});
    await wait.clock.advance(1_000);
    expect(await wait.found()).toBeUndefined();
    expect(wait.looks()).toBe(2);
  });

  it('whose caller asks again does not look at its end', async () => {
    const wait = await begin({ looksAtEnd: false });
    await wait.clock.advance(1_000);
    expect(await wait.found()).toBeUndefined();
    expect(wait.looks()).toBe(1);
  });

  it.each([{}, { looksAtEnd: false }])('looks after what it is told, %j', async (options) => {
    const wait = await begin(options);
    await wait.clock.advance(500);
    wait.tell();
    await settle();
    expect(wait.looks()).toBe(2);
  });

  it('whose caller asks again looks after what it is told in its last moment', async () => {
    const wait = await begin({ looksAtEnd: false });
    const ended = wait.clock.leap(1_000);
    wait.tell();
    await ended;
    expect(await wait.found()).toBeUndefined();
    expect(wait.looks()).toBe(2);
  });
});
