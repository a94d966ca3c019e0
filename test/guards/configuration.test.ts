import { describe, expect, it } from 'vitest';
import { renderConfigurationReference } from '../../scripts/configuration-reference.ts';
import { listPrograms, readRepositoryFile } from '../support/source-files.ts';

const page = readRepositoryFile('docs/configuration.md');

/** Variables that are the system's, and mean what they always mean. */
const COMMON = new Set(['HOME', 'PATH', 'USER']);
const READ = /(?:\b(?:env|environment)(?:\.|\['))([A-Z][A-Z0-9_]+)|'(STANDBY_[A-Z_]+)'/g;

describe('docs/configuration.md', () => {
  it('describes every setting as it is (run `npm run gen`)', () => {
    expect(page).toBe(renderConfigurationReference());
  });

  it('describes every environment variable that a program reads', () => {
    const read = listPrograms()
      .map(readRepositoryFile)
      .flatMap((source) => [...source.matchAll(READ)].map((match) => match[1] ?? match[2]!));
    expect(read).toContain('STANDBY_DATA_DIR');
    const missing = read.filter((name) => !COMMON.has(name) && !page.includes(`### ${name}\n`));
    expect(missing).toEqual([]);
  });
});
