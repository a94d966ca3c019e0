import { describe, expect, it } from 'vitest';
import { estimateWait, type PoolPace } from './estimate.ts';

const pace = (given: Partial<PoolPace> = {}): PoolPace => ({
  eligible: 0,
  buildingMs: [10_000, 40_000],
  buildMs: 60_000,
  withheld: null,
  ...given,
});
const known = (ms: number) => ({ kind: 'known', ms });
const unknown = (because: string) => ({ kind: 'unknown', because });

describe('the estimate for who waits', () => {
  it('goes by the builds that are under way, the oldest first', () => {
    expect(estimateWait(pace(), 1)).toEqual(known(20_000));
    expect(estimateWait(pace(), 2)).toEqual(known(50_000));
  });

  it('goes on in rounds, for as many are built again after each that is given away', () => {
    expect(estimateWait(pace(), 3)).toEqual(known(80_000));
    expect(estimateWait(pace(), 6)).toEqual(known(170_000));
  });

  it('is nothing at all for whom one is ready', () => {
    expect(estimateWait(pace({ eligible: 2 }), 2)).toEqual(known(0));
    expect(estimateWait(pace({ eligible: 2 }), 3)).toEqual(known(20_000));
    expect(estimateWait(pace({ eligible: 1, withheld: 'paused' }), 1)).toEqual(known(0));
  });

  it('is no less than nothing where a build takes longer than others did', () => {
    expect(estimateWait(pace({ buildingMs: [90_000] }), 1)).toEqual(known(0));
  });

  it.each(['paused', 'hard_limited', 'validation_failed'] as const)(
    'is unknown while the pool is %s, whatever is being built',
    (withheld) => expect(estimateWait(pace({ withheld }), 1)).toEqual(unknown(withheld)),
  );

  it.each(['backoff', 'budget'] as const)(
    'is unknown beyond what is being built while %s holds back more',
    (withheld) => {
      expect(estimateWait(pace({ withheld }), 2)).toEqual(known(50_000));
      expect(estimateWait(pace({ withheld }), 3)).toEqual(unknown(withheld));
    },
  );

  it('is unknown where nothing is built, or was ever built', () => {
    expect(estimateWait(pace({ buildingMs: [] }), 1)).toEqual(unknown('not_building'));
    expect(estimateWait(pace({ buildMs: null }), 1)).toEqual(unknown('not_measured'));
  });
});
