import { describe, expect, it } from 'vitest';
import { renderCheckReference } from '../../scripts/check-reference.ts';
import { readRepositoryFile } from '../support/source-files.ts';

describe('docs/doctor.md', () => {
  it('lists every check as it is (run `npm run gen`)', () => {
    const page = readRepositoryFile('docs/doctor.md');
    expect(page).toBe(renderCheckReference(page));
  });
});
