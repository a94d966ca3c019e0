import { describe, expect, it } from 'vitest';
import { createManualClock } from '../../../test/support/manual-clock.ts';
import { createReadyWatch, type Checked } from './watch.ts';

/** Ready from the `readyAt`-th try on; `tries` has when each was made. */
function checkThat(
  now: () => number,
  readyAt: number,
): { readonly checked: Checked; readonly tries: number[] } {
  const tries: number[] = [];
  const check = { http: '/', tcp: null, command: null, interval_seconds: 1, timeout_seconds: 5 };
  const isReady = (): Promise<boolean> => {
    tries.push(now());
    return Promise.resolve(tries.length >= readyAt);
  };
  return { checked: { check, isReady }, tries };
}

describe('a ready check', () => {
  it('is made soon again while it was never good, and then at its interval', async () => {
    const clock = createManualClock();
    const startMs = clock.monotonicMs();
    let news = 0;
    const watch = createReadyWatch(clock, () => news++);
    const { checked, tries } = checkThat(() => clock.monotonicMs() - startMs, 3);
    watch.follow(new Map([['one', checked]]));
    await clock.advance(0);
    await clock.advance(3_000);
    expect(tries).toEqual([0, 25, 75, 1_075, 2_075]);
    expect(news).toBe(1);
    expect(watch.isReady('one')).toBe(true);
    watch.follow(new Map());
  });

  it('that is never good is made ever less often, up to its interval', async () => {
    const clock = createManualClock();
    const startMs = clock.monotonicMs();
    const watch = createReadyWatch(clock, () => undefined);
    const { checked, tries } = checkThat(() => clock.monotonicMs() - startMs, Infinity);
    watch.follow(new Map([['one', checked]]));
    await clock.advance(0);
    await clock.advance(4_000);
    expect(tries).toEqual([0, 25, 75, 175, 375, 775, 1_575, 2_575, 3_575]);
    watch.follow(new Map());
  });
});
