import { describe, expect, it } from 'vitest';
import { computeChecksums, findChanged, readChecksums } from '../../scripts/migration-checksums.ts';

describe('migrations', () => {
  it('are never changed or removed once they were merged: write a new one', async () => {
    expect(findChanged(readChecksums(), await computeChecksums())).toEqual([]);
  });

  it('are all in checksums.json (run `npm run gen`)', async () => {
    const current = Object.keys(await computeChecksums());
    expect(current.length).toBeGreaterThan(5);
    expect(Object.keys(readChecksums())).toEqual(current);
  });

  it('are numbered without gaps', async () => {
    const numbers = Object.keys(await computeChecksums()).map((name) => name.slice(0, 4));
    expect(numbers).toEqual(numbers.map((_, index) => String(index + 1).padStart(4, '0')));
  });
});

describe('findChanged', () => {
  it('finds what was changed or removed, and lets new ones be', () => {
    const recorded = { a: '1', b: '2', c: '3' };
    expect(findChanged(recorded, { a: '1', b: 'x', d: '4' })).toEqual(['b', 'c']);
  });
});
