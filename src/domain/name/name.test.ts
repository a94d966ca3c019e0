import { describe, expect, it } from 'vitest';
import { checkName } from './name.ts';

describe('a name', () => {
  it.each(['a', '7', 'go-dev', 'a--b', 'x'.repeat(63), '2026-01'])('may be %s', (name) => {
    expect(checkName('template', name)).toBeNull();
  });

  it.each([
    '',
    '-a',
    'a-',
    'A',
    'a b',
    'a/b',
    '../a',
    'a.b',
    'a_b',
    'ä',
    'а', // Cyrillic
    'a\n',
    'a\u0000',
    '😀',
    'x'.repeat(64),
  ])('may not be %j', (name) => {
    expect(checkName('template', name)?.code).toBe('NAME_INVALID');
  });

  it('is told with the rule, shortened when it is long', () => {
    expect(checkName('workspace', 'a/b c')?.detail).toMatchInlineSnapshot(
      `"The workspace name "a/b c" must be 1 to 63 lower-case letters, digits and inner hyphens."`,
    );
    expect(checkName('user', 'x'.repeat(300))?.detail).toMatchInlineSnapshot(
      `"The user name "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"… (300 characters) must be 1 to 63 lower-case letters, digits and inner hyphens."`,
    );
  });

  it('of a workspace is not one that a pool would give', () => {
    expect(checkName('workspace', 'prebuild-x')?.detail).toMatchInlineSnapshot(
      `"The workspace name "prebuild-x" must not begin with prebuild-, as those of pools do."`,
    );
    expect(checkName('workspace', 'prebuild')).toBeNull();
    expect(checkName('template', 'prebuild-x')).toBeNull();
  });

  it('of a preset is not the word for none', () => {
    expect(checkName('preset', 'none')?.detail).toMatchInlineSnapshot(
      `"The preset name "none" means no preset at all; choose another."`,
    );
    expect(checkName('workspace', 'none')).toBeNull();
  });
});
