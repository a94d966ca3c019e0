import { chmod, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { removeTree } from '../../src/base/remove-tree.ts';
import { digDown } from '../support/dig-down.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

describe('removing a folder that others filled', () => {
  it('removes what took away its own rights, and follows no link', async () => {
    await using scratch = await makeTemporaryFolder();
    const kept = path.join(scratch.path, 'kept');
    await mkdir(kept);
    await writeFile(path.join(kept, 'file'), '');
    const folder = path.join(scratch.path, 'folder');
    const deep = path.join(folder, 'a', 'b');
    await mkdir(deep, { recursive: true });
    await writeFile(path.join(deep, 'file'), '');
    await symlink(kept, path.join(deep, 'link'));
    await chmod(deep, 0o000);
    await chmod(path.join(folder, 'a'), 0o500);
    await removeTree(folder);
    expect(await readdir(scratch.path)).toEqual(['kept']);
    expect(await readdir(kept)).toEqual(['file']);
  });

  it('removes what is deeper than a path can be long', async () => {
    await using scratch = await makeTemporaryFolder();
    const folder = path.join(scratch.path, 'folder');
    await mkdir(folder);
    digDown(folder, 40);
    await removeTree(folder);
    expect(await readdir(scratch.path)).toEqual([]);
  });

  it('does nothing where nothing is', async () => {
    await using scratch = await makeTemporaryFolder();
    await removeTree(path.join(scratch.path, 'absent'));
    expect(await readdir(scratch.path)).toEqual([]);
  });
});
