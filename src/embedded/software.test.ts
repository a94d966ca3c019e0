import { describe, expect, it } from 'vitest';
import { parseMajorVersion } from './software.ts';

describe('the version of the programs', () => {
  it.each([
    ['postgres (PostgreSQL) 18.4\n', 18],
    ['postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n', 15],
    ['postgres (PostgreSQL) 19devel\n', 19],
  ])('is read from %j', (answer, major) => {
    expect(parseMajorVersion(answer)).toBe(major);
  });

  it.each(['', 'initdb (PostgreSQL) 18.4\n', 'not found'])('is not guessed from %j', (answer) => {
    expect(parseMajorVersion(answer)).toBeUndefined();
  });
});
