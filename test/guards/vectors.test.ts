// The worked examples in this repository are the design's, byte for byte.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const copies = join(import.meta.dirname, '../vectors');
const originals = join(import.meta.dirname, '../../../shared/vectors');

describe('the worked examples', () => {
  it('are there', () => {
    expect(readdirSync(copies).sort()).toEqual(['decide.json', 'rules.json']);
  });

  it.runIf(existsSync(originals))('equal those of the design beside this checkout', () => {
    expect(readdirSync(originals).sort()).toEqual(readdirSync(copies).sort());
    for (const name of readdirSync(originals)) {
      const same = readFileSync(join(originals, name)).equals(readFileSync(join(copies, name)));
      expect(same, `test/vectors/${name} differs from the design's`).toBe(true);
    }
  });
});
