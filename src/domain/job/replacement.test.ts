import { describe, expect, it } from 'vitest';
import { cutReplacements, MAX_REPLACEMENTS_BYTES, type Replacement } from './replacement.ts';

const long = (address: string, paths: number): Replacement => ({
  ...{ address, action: 'replace' },
  paths: Array.from({ length: paths }, (_none, index) => `${'é'.repeat(1_000)}${index}`),
});

describe('a list of replacements', () => {
  it('is left as it is where it is short', () => {
    const short = [long('a.disk', 2), long('a.vm', 0)];
    expect(cutReplacements(short)).toEqual(short);
  });

  it('is cut by its bytes: arguments go before resources do', () => {
    const cut = cutReplacements([long('a.disk', 30), long('a.net', 30), long('a.vm', 1)]);
    expect(cut.map(({ address, paths }) => [address, paths.length])).toEqual([
      ['a.disk', 30],
      ['a.net', 0],
      ['a.vm', 1],
    ]);
  });

  it('never gets longer than it may, and never loses its first resource', () => {
    const address = '"'.repeat(1_024);
    const list = Array.from({ length: 200 }, () => long(address, 35));
    const cut = cutReplacements(list);
    expect(cut[0]).toEqual({ address, action: 'replace', paths: [] });
    expect(JSON.stringify(cut).length).toBeLessThan(MAX_REPLACEMENTS_BYTES + list.length);
  });
});
