import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { makeTemporaryFolder } from '../../test/support/temporary-folder.ts';
import { readIfThere } from './read-if-there.ts';

it('gives the text of a file, nothing for none, and throws for what cannot be read', async () => {
  await using folder = await makeTemporaryFolder();
  const file = path.join(folder.path, 'file');
  expect(await readIfThere(file)).toBeUndefined();
  await writeFile(file, 'text');
  expect(await readIfThere(file)).toBe('text');
  await expect(readIfThere(folder.path)).rejects.toThrow('EISDIR');
});
