import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findPackageRoot } from './package-root.ts';

describe('findPackageRoot', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'standby-root-'));
    mkdirSync(join(folder, 'dist', 'chunks'), { recursive: true });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const moduleIn = (...parts: string[]): string =>
    pathToFileURL(join(folder, ...parts, 'module.js')).href;

  it('walks past packages of another name', () => {
    writeFileSync(join(folder, 'package.json'), '{"name":"standby"}');
    writeFileSync(join(folder, 'dist', 'package.json'), '{"name":"other"}');
    expect(findPackageRoot(moduleIn('dist', 'chunks'))).toBe(folder);
  });

  it('walks past a package.json that cannot be read as JSON', () => {
    writeFileSync(join(folder, 'package.json'), '{"name":"standby"}');
    writeFileSync(join(folder, 'dist', 'package.json'), '{');
    expect(findPackageRoot(moduleIn('dist'))).toBe(folder);
  });

  it('says where it looked when there is none', () => {
    expect(() => findPackageRoot(moduleIn('dist'))).toThrow(
      `no package.json named "standby" at or above ${join(folder, 'dist')}`,
    );
  });

  it('finds the root of this repository by default', () => {
    expect(findPackageRoot()).toBe(join(import.meta.dirname, '..', '..'));
  });
});
