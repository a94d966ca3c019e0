import { describe, expect, it } from 'vitest';
import { readRepositoryFile } from '../support/source-files.ts';

interface Locked {
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const text = readRepositoryFile('package-lock.json');
const { packages } = JSON.parse(text) as { readonly packages: Readonly<Record<string, Locked>> };

describe('package-lock.json', () => {
  it('names no registry: a checkout installs from the one its user has', () => {
    const resolved = Object.values(packages).flatMap((entry) => entry.resolved ?? []);
    expect(resolved).toEqual([]);
    expect(text).not.toMatch(/https?:\/\/[^"]*\.tgz/);
  });

  it('has a record for every platform, without which `npm ci` refuses it', () => {
    const optional = Object.values(packages).flatMap((entry) =>
      Object.keys(entry.optionalDependencies ?? {}),
    );
    expect(optional.length).toBeGreaterThan(10);
    const known = Object.keys(packages);
    const missing = optional.filter(
      (name) => !known.some((path) => path.endsWith(`node_modules/${name}`)),
    );
    expect(missing).toEqual([]);
  });
});
