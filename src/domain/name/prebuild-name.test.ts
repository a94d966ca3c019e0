import { describe, expect, it } from 'vitest';
import { systemRng } from '../../base/random.ts';
import { createPrebuildName } from './prebuild-name.ts';

const nameOf = (hex: string): string =>
  createPrebuildName({ bytes: () => Buffer.from(hex, 'hex') });

describe('the name of a prebuild', () => {
  it('is the base 32 of nine bytes in lower case', () => {
    // Made with `basenc --base32`, without the padding.
    expect(nameOf('000000000000000000')).toBe('prebuild-aaaaaaaaaaaaaaa');
    expect(nameOf('ffffffffffffffffff')).toBe('prebuild-77777777777777y');
    expect(nameOf('0123456789abcdef01')).toBe('prebuild-aerukz4jvpg66ai');
  });

  it('is a valid name of a workspace, and never the same twice', () => {
    const names = Array.from({ length: 1_000 }, () => createPrebuildName(systemRng));
    expect(new Set(names).size).toBe(1_000);
    expect(names.every((name) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name))).toBe(true);
  });
});
