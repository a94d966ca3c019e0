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
    expect(tries).toEqual([0, 5, 15, 1_015, 2_015]);
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
    expect(tries).toEqual([0, 5, 15, 35, 75, 155, 315, 635, 1_275, 2_275, 3_275]);
    watch.follow(new Map());
  });

  it('that was begun while somebody looked goes on, whatever the look has found', async () => {
    const clock = createManualClock();
    const watch = createReadyWatch(clock, () => undefined);
    const [old, begun] = [checkThat(() => 0, Infinity), checkThat(() => 0, Infinity)];
    watch.follow(new Map([['old', old.checked]]));
    const former = watch.followed();
    watch.begin('begun', begun.checked);
    watch.follow(new Map(), former);
    await clock.advance(0);
    const before = old.tries.length;
    await clock.advance(1_000);
    expect(old.tries).toHaveLength(before);
    expect(begun.tries.length).toBeGreaterThan(1);
    watch.follow(new Map());
    expect(watch.followed().size).toBe(0);
  });

  it('that was begun anew while somebody looked goes on, and says nothing of its former life', async () => {
    const clock = createManualClock();
    const watch = createReadyWatch(clock, () => undefined);
    const [old, anew] = [checkThat(() => 0, 1), checkThat(() => 0, 3)];
    watch.follow(new Map([['one', old.checked]]));
    await clock.advance(0);
    expect(watch.isReady('one')).toBe(true);
    const former = watch.followed();
    watch.forget('one');
    watch.begin('one', anew.checked);
    // The look has found that it does not run.
    watch.follow(new Map(), former);
    await clock.advance(0);
    expect(watch.isReady('one')).toBe(false);
    await clock.advance(1_000);
    expect(watch.isReady('one')).toBe(true);
    expect(old.tries).toHaveLength(1);
    watch.follow(new Map());
  });
});
