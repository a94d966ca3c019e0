import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listFiles, listPrograms, readRepositoryFile } from '../support/source-files.ts';

const programs = listPrograms().filter((path) => !path.endsWith('.generated.ts'));
const sources = ['src', 'test', 'scripts']
  .flatMap(listFiles)
  .filter((path) => /\.m?ts$/.test(path));

describe('source files', () => {
  it('have kebab-case names that say what is inside', () => {
    const allowed = /^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.test-d|\.generated)?\.m?ts$/;
    const vague = /(^|\/)(utils?|common|helpers?|misc|shared)(\/|\.|-)/;
    expect(sources.length).toBeGreaterThan(programs.length);
    const wrong = sources.filter((path) => !allowed.test(basename(path)) || vague.test(path));
    expect(wrong).toEqual([]);
  });

  it('begin with what they are for', () => {
    const silent = programs.filter((path) => !readRepositoryFile(path).startsWith('// '));
    expect(silent).toEqual([]);
  });

  it('stay small: nine in ten have less than 300 lines (the linter stops at 400)', () => {
    const sizes = programs.map((path) => readRepositoryFile(path).split('\n').length);
    sizes.sort((a, b) => a - b);
    expect(sizes[Math.floor(sizes.length * 0.9)]).toBeLessThan(300);
  });
});
