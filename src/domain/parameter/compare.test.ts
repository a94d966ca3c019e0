import { describe, expect, it } from 'vitest';
import { compareParameters, isSameParameters } from './compare.ts';

describe('compareParameters', () => {
  it('tells what came, went and changed, by name', () => {
    const changes = compareParameters(
      { size: 'small', zone: 'a', region: 'eu' },
      { size: 'big', region: 'eu', disk: '' },
    );
    expect(changes).toEqual([
      { name: 'disk', from: null, to: '' },
      { name: 'size', from: 'small', to: 'big' },
      { name: 'zone', from: 'a', to: null },
    ]);
  });

  it('takes names for names, whatever objects are born with', () => {
    expect(compareParameters({}, { constructor: 'x' })).toEqual([
      { name: 'constructor', from: null, to: 'x' },
    ]);
    expect(isSameParameters({ toString: 'x' }, {})).toBe(false);
  });
});

describe('isSameParameters', () => {
  it('does not care for the order', () => {
    expect(isSameParameters({ a: '1', b: '2' }, { b: '2', a: '1' })).toBe(true);
    expect(isSameParameters({ a: '1' }, { a: '1', b: '' })).toBe(false);
  });
});
