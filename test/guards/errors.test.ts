import { describe, expect, it } from 'vitest';
import { findUnexplained, renderErrorReference } from '../../scripts/error-reference.ts';
import { readRepositoryFile } from '../support/source-files.ts';

const page = readRepositoryFile('docs/errors.md');

describe('docs/errors.md', () => {
  it('has the facts of every code, and of no other (run `npm run gen`)', () => {
    expect(page).toBe(renderErrorReference(page));
  });

  it('says of every code when it happens', () => {
    expect(findUnexplained(page)).toEqual([]);
  });
});
