import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { renderCliReference } from '../../scripts/cli-reference.ts';
import { findPackageRoot } from '../../src/base/package-root.ts';
import { COMMAND_TABLE } from '../../src/main/command-table.ts';

describe('the command table', () => {
  it('is what docs/cli.md describes (run `npm run gen`)', async () => {
    const page = await readFile(join(findPackageRoot(), 'docs', 'cli.md'), 'utf8');
    expect(page).toBe(await renderCliReference());
  });

  it('lists each command under its own name', async () => {
    for (const [name, load] of Object.entries(COMMAND_TABLE)) {
      expect((await load()).command.name).toBe(name);
    }
  });

  it('gives no arguments to a command that others begin with: a further word names one of them', async () => {
    const names = Object.keys(COMMAND_TABLE);
    const groups = names.filter((name) => names.some((other) => other.startsWith(`${name} `)));
    expect(groups).toEqual(['provisioner']);
    for (const group of groups) {
      expect((await COMMAND_TABLE[group]!()).command.arguments).toEqual({});
    }
  });
});
