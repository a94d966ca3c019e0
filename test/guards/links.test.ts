import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listFiles, readRepositoryFile, repository } from '../support/source-files.ts';

const TOP = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md'];
const pages = [...TOP, ...listFiles('docs').filter((path) => path.endsWith('.md'))];
const LINK = /\]\((?!https?:|mailto:)([^)#\s]*)(#[^)\s]*)?\)/g;

describe('documents', () => {
  it.each(pages)('%s links to what exists', (page) => {
    const targets = [...readRepositoryFile(page).matchAll(LINK)].map((match) => match[1]!);
    const missing = targets.filter(
      (target) => target !== '' && !existsSync(join(repository, dirname(page), target)),
    );
    expect(missing).toEqual([]);
  });

  it('name files of the repository that exist', () => {
    const named = pages.flatMap((page) =>
      [...readRepositoryFile(page).matchAll(/`((?:src|test|scripts|docs)\/[\w./-]+)`/g)].map(
        (match) => match[1]!,
      ),
    );
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((path) => !existsSync(join(repository, path)))).toEqual([]);
  });
});
