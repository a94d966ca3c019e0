import { mkdirSync, writeFileSync } from 'node:fs';
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

  it('takes a few entries at a time, however many there are', async () => {
    await using scratch = await makeTemporaryFolder();
    const folder = path.join(scratch.path, 'folder');
    for (let n = 0; n < 50; n++) {
      mkdirSync(path.join(folder, String(n)), { recursive: true });
      for (let m = 0; m < 10; m++) writeFileSync(path.join(folder, String(n), String(m)), '');
    }
    for (let n = 0; n < 3_000; n++) writeFileSync(path.join(folder, `f${n}`), '');
    const atOnce: number[] = [];
    const look = (): void => {
      const requests = process.getActiveResourcesInfo().filter((name) => name.startsWith('FSReq'));
      atOnce.push(requests.length);
      looking = setImmediate(look);
    };
    let looking = setImmediate(look);
    await removeTree(folder);
    clearImmediate(looking);
    expect(await readdir(scratch.path)).toEqual([]);
    expect(Math.max(...atOnce)).toBeGreaterThan(0);
    expect(Math.max(...atOnce)).toBeLessThan(40);
  });

  it('removes names that are no text, and a link in its place', async () => {
    await using scratch = await makeTemporaryFolder();
    const at = (name: string): string => path.join(scratch.path, name);
    const [kept, link, folder] = [at('kept'), at('link'), at('folder')];
    await mkdir(kept);
    await symlink(kept, link);
    await mkdir(folder);
    await writeFile(Buffer.concat([Buffer.from(`${folder}/`), Buffer.of(0xff, 0xfe)]), '');
    await removeTree(link);
    await removeTree(folder);
    expect(await readdir(scratch.path)).toEqual(['kept']);
  });

  it('does nothing where nothing is', async () => {
    await using scratch = await makeTemporaryFolder();
    await removeTree(path.join(scratch.path, 'absent'));
    expect(await readdir(scratch.path)).toEqual([]);
  });
});
