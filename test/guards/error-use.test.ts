import { describe, expect, it } from 'vitest';
import { ERRORS } from '../../src/base/error-catalog.ts';
import { listPrograms, readRepositoryFile } from '../support/source-files.ts';

describe('the error catalog', () => {
  it('has no code that no program names', () => {
    const sources = listPrograms()
      .filter((path) => path !== 'src/base/error-catalog.ts')
      .map(readRepositoryFile)
      .join('\n');
    const unused = Object.keys(ERRORS).filter((code) => !sources.includes(`'${code}'`));
    expect(unused).toEqual([]);
  });
});
