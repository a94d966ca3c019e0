import { describe, expect, it } from 'vitest';
import { decideReported, type ReportedFacts, type ReportedState } from './reported.ts';

const STATES: readonly ReportedState[] = ['running', 'gone', 'stopped'];
const built = (change: Partial<ReportedFacts['latestBuild']> = {}): ReportedFacts => ({
  isDeleted: false,
  isPools: false,
  isHere: true,
  isElsewhere: false,
  isTooNew: false,
  latestBuild: { number: 1, transition: 'start', status: 'succeeded', ...change },
});

describe('a workspace that a daemon found', () => {
  it.each(STATES)('is removed when the database knows nothing of it (%s)', (state) => {
    expect(decideReported(state, undefined).want).toBe('remove');
  });

  it.each(STATES)('is removed when it was deleted (%s)', (state) => {
    expect(decideReported(state, { ...built(), isDeleted: true }).want).toBe('remove');
  });

  it.each(STATES)('is kept when it lives elsewhere, deleted or not (%s)', (state) => {
    const elsewhere = {
      ...built({ status: 'failed' }),
      ...{ isHere: false, isElsewhere: true, isDeleted: true },
    };
    expect(decideReported(state, elsewhere)).toEqual({ want: 'keep', isGone: false });
  });

  it.each(STATES)('is kept while a build is in progress (%s)', (state) => {
    for (const status of ['pending', 'running', 'canceling'] as const) {
      for (const transition of ['start', 'stop', 'delete'] as const) {
        const facts = built({ status, transition });
        expect(decideReported(state, facts)).toEqual({ want: 'keep', isGone: false });
      }
    }
  });

  it('is removed when its only build failed or was canceled', () => {
    expect(decideReported('running', built({ status: 'failed' })).want).toBe('remove');
    expect(decideReported('gone', built({ status: 'canceled' })).want).toBe('remove');
  });

  it('is kept when a later build failed', () => {
    for (const transition of ['start', 'stop', 'delete'] as const) {
      const facts = built({ number: 2, status: 'failed', transition });
      expect(decideReported('gone', facts)).toEqual({ want: 'keep', isGone: false });
    }
  });

  it('is brought back when it belongs to somebody and should run', () => {
    expect(decideReported('gone', built())).toEqual({ want: 'restart', isGone: false });
    expect(decideReported('running', built()).want).toBe('keep');
  });

  it('is not brought back by a daemon that is too old for it', () => {
    const facts = { ...built(), isTooNew: true };
    expect(decideReported('gone', facts)).toEqual({ want: 'keep', isGone: false });
    // Its pool replaces it all the same.
    expect(decideReported('gone', { ...facts, isPools: true }).isGone).toBe(true);
  });

  it('is left to its pool when nobody has claimed it', () => {
    const pools = { ...built(), isPools: true };
    expect(decideReported('gone', pools)).toEqual({ want: 'keep', isGone: true });
    expect(decideReported('running', pools)).toEqual({ want: 'keep', isGone: false });
  });

  it('is not lost to its pool by the word of a daemon that does not have it', () => {
    const pools = { ...built(), isPools: true, isHere: false };
    expect(decideReported('gone', pools)).toEqual({ want: 'keep', isGone: false });
  });

  it('stays as it is when it was stopped', () => {
    const stopped = built({ number: 2, transition: 'stop' });
    for (const state of STATES) {
      expect(decideReported(state, stopped)).toEqual({ want: 'keep', isGone: false });
    }
  });
});
