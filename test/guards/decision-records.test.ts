import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listFiles, readRepositoryFile } from '../support/source-files.ts';

const files = listFiles('docs/adr')
  .map((path) => basename(path))
  .sort();
const SECTIONS = ['Context', 'Options', 'Decision', 'Consequences', 'How we would notice'];
const MOST_LINES = 60;

describe('docs/adr', () => {
  it('is numbered without gaps', () => {
    const numbers = files.map((file) => file.slice(0, 5));
    const expected = files.map((_, index) => `${String(index + 1).padStart(4, '0')}-`);
    expect(numbers).toEqual(expected);
  });

  it.each(files)('%s has its number, status, date and sections on one page', (file) => {
    const text = readRepositoryFile(`docs/adr/${file}`);
    expect(text).toMatch(new RegExp(`^# ${Number(file.slice(0, 4))}\\. \\S`));
    expect(text).toMatch(/^Status: (?:proposed|accepted|superseded by \d{4})$/m);
    expect(text).toMatch(/^Date: \d{4}-\d{2}-\d{2}$/m);
    const headings = [...text.matchAll(/^## (.*)$/gm)].map((match) => match[1]);
    expect(headings).toEqual(SECTIONS);
    expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(MOST_LINES);
  });
});
