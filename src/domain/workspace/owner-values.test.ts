import { describe, expect, it } from 'vitest';
import { checkOwnerValues, MAX_OWNER_VALUES, type OwnerValues } from './owner-values.ts';

const NOTHING: OwnerValues = { environment: {}, secrets: {}, files: [] };
const CANARY = 'canary';
const file = (path: string, mode = 0o600) => ({ path, mode, base64: btoa(CANARY) });
const files = (...paths: readonly string[]) => paths.map((path) => file(path));

function codeOf(values: Partial<OwnerValues>): string {
  try {
    checkOwnerValues({ ...NOTHING, ...values });
    return 'fine';
  } catch (error) {
    expect((error as Error).message).not.toContain(CANARY);
    return (error as { readonly code: string }).code;
  }
}

describe('what a new owner may give', () => {
  it.each<Partial<OwnerValues>>([
    {},
    { environment: { STAGE: CANARY, _a1: '' } },
    { secrets: { 'npm-token.v2': CANARY } },
    { files: files('a', 'b/c', '.ssh/id_ed25519', 'with space', '..a', 'é') },
    { files: [file('tool', 0o777)] },
  ])('is %j', (values) => {
    expect(codeOf(values)).toBe('fine');
  });

  it.each(['', '1A', 'A-B', 'A=B', 'A B', 'Ä', 'A\n'])('is no variable %j', (name) => {
    expect(codeOf({ environment: { [name]: CANARY } })).toBe('OWNER_VALUES_INVALID');
  });

  it.each([
    ...['PATH', 'LD_PRELOAD', 'STANDBY_OWNER', 'BASH_ENV', 'BASH_ARGV0', 'NODE_OPTIONS'],
    ...['OPTIND', 'UID', 'EUID', 'PPID', 'RANDOM', 'SECONDS', 'LINENO', 'IFS', 'PS4', 'SHELLOPTS'],
  ])('is not %s, which scripts depend on', (name) => {
    expect(codeOf({ environment: { [name]: CANARY } })).toBe('OWNER_VALUES_INVALID');
  });

  it.each(['', '.', '..', '../a', 'a/b', '.hidden', '-a', 'a\\b'])('is no secret %j', (name) => {
    expect(codeOf({ secrets: { [name]: CANARY } })).toBe('OWNER_VALUES_INVALID');
  });

  it.each(['', '/', '/a', 'a/', 'a//b', './a', '..', 'a/../b', '../a', 'a\\b', 'a\u0000', 'a\nb'])(
    'is no file at %j',
    (path) => {
      expect(codeOf({ files: files(path) })).toBe('OWNER_VALUES_INVALID');
    },
  );

  it('is no path that is long, stands twice, or lies below a file', () => {
    const bad = [
      files('x'.repeat(256)),
      files('x/'.repeat(300) + 'x'),
      files('a', 'a'),
      files('a', 'a/b'),
    ];
    expect(bad.map((each) => codeOf({ files: each }))).toEqual(
      bad.map(() => 'OWNER_VALUES_INVALID'),
    );
  });

  it.each([0o1000, 0o4755, -1, 1.5, Number.NaN])('is no file of mode %d', (mode) => {
    expect(codeOf({ files: [file('a', mode)] })).toBe('OWNER_VALUES_INVALID');
  });

  it('is neither too many nor too long', () => {
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_each, index) => [`A${index}`, '']));
    expect(codeOf({ secrets: many(MAX_OWNER_VALUES) })).toBe('fine');
    expect(codeOf({ environment: { A: 'ü'.repeat(16 * 1024) } })).toBe('fine');
    expect(codeOf({ secrets: { a: 'x'.repeat(256 * 1024 - 1) } })).toBe('fine');
    const base64 = btoa('x'.repeat(256 * 1024));
    const tooMuch: readonly Partial<OwnerValues>[] = [
      { secrets: many(MAX_OWNER_VALUES + 1) },
      { environment: many(MAX_OWNER_VALUES + 1) },
      { files: files(...Object.keys(many(MAX_OWNER_VALUES + 1))) },
      { environment: { A: 'ü'.repeat(16 * 1024 + 1) } },
      { secrets: { a: 'x'.repeat(256 * 1024) } },
      { files: [{ path: 'a', mode: 0o600, base64 }] },
    ];
    expect(tooMuch.map(codeOf)).toEqual(tooMuch.map(() => 'OWNER_VALUES_TOO_LARGE'));
  });
});
