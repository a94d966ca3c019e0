import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import * as locks from './advisory-lock.ts';

describe('the advisory locks', () => {
  it('have a number each', () => {
    const numbers = Object.values(locks);
    expect(numbers.length).toBeGreaterThan(1);
    expect(new Set(numbers).size).toBe(numbers.length);
  });

  it('are all numbered in one place', () => {
    const folder = import.meta.dirname;
    const numbering = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
      (name) =>
        name.endsWith('.ts') &&
        /\b7_?283_?\d{3}\b/.test(readFileSync(path.join(folder, name), 'utf8')),
    );
    expect(numbering).toEqual(['advisory-lock.ts']);
  });
});
