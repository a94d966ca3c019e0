// The faults that `npm run mutations` plants: whether they still find their place in the source, and
// the tests that have to notice them.
import { describe, expect, it } from 'vitest';
import { mutations } from '../../scripts/mutations/all.ts';
import { applyChanges } from '../../scripts/mutations/mutation.ts';
import { readRepositoryFile } from '../support/source-files.ts';

describe('every planted fault', () => {
  it('has a name of its own', () => {
    expect(mutations.length).toBeGreaterThanOrEqual(20);
    expect(new Set(mutations.map(({ fault }) => fault)).size).toBe(mutations.length);
  });

  it.each(mutations.map((one) => [one.fault, one] as const))(
    'finds one place in the source, and its test: %s',
    (_, { changes, noticedBy }) => {
      expect(applyChanges(changes).size).toBeGreaterThan(0);
      expect(readRepositoryFile(noticedBy.file)).toContain(`'${noticedBy.title}'`);
    },
  );
});
