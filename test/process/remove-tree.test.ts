import {
  mkdirSync,
  readdirSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
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
    let most = 0;
    const look = (): void => {
      const requests = process.getActiveResourcesInfo().filter((name) => name.startsWith('FSReq'));
      most = Math.max(most, requests.length);
      looking = setImmediate(look);
    };
    let looking = setImmediate(look);
    await removeTree(folder);
    clearImmediate(looking);
    expect(await readdir(scratch.path)).toEqual([]);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(40);
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

describe('removing a folder in which somebody swaps things meanwhile', () => {
  const FILES = 300;
  const filesIn = (folder: string): number => readdirSync(folder).length;

  /** Folders with files in them in a `top`, and a `kept` beside it, whose files have the same names. */
  async function ground(names: readonly string[]) {
    const scratch = await makeTemporaryFolder();
    const at = (...parts: readonly string[]): string => path.join(scratch.path, ...parts);
    for (const folder of [at('kept'), ...names.map((name) => at('top', name))]) {
      mkdirSync(folder, { recursive: true });
      for (let n = 0; n < FILES; n++) writeFileSync(path.join(folder, String(n)), '');
    }
    return { at, [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose]() };
  }

  /** Removes `top`, and calls `swap` once with the one of its folders that is being emptied. */
  async function removeWhile(
    top: string,
    swap: (emptied: string) => void,
    platform = process.platform,
  ): Promise<void> {
    const folders = readdirSync(top, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => path.join(top, name));
    let emptied: string | undefined;
    const look = (): void => {
      emptied = folders.find((folder) => filesIn(folder) < FILES);
      if (emptied === undefined) looking = setImmediate(look);
      else swap(emptied);
    };
    let looking = setImmediate(look);
    await removeTree(top, platform).finally(() => clearImmediate(looking));
    expect(emptied).toBeDefined();
  }

  it.each([process.platform, 'darwin' as const])(
    'follows no link in the place of a folder that it has listed (as on %s)',
    async (platform) => {
      const names = ['a', 'b', 'c'];
      await using made = await ground(names);
      const { at } = made;
      const swap = (emptied: string): void => {
        for (const name of names.filter((one) => at('top', one) !== emptied)) {
          renameSync(at('top', name), at(name));
          symlinkSync(at('kept'), at('top', name));
        }
      };
      await removeWhile(at('top'), swap, platform);
      expect(await readdir(at())).toHaveLength(3);
      expect(filesIn(at('kept'))).toBe(FILES);
    },
  );

  it.runIf(process.platform === 'linux')(
    'follows no link in the place of the folder that it empties',
    async () => {
      await using made = await ground(['a']);
      const { at } = made;
      await removeWhile(at('top'), () => {
        renameSync(at('top', 'a'), at('a'));
        symlinkSync(at('kept'), at('top', 'a'));
      });
      expect(await readdir(at())).not.toContain('top');
      expect(filesIn(at('kept'))).toBe(FILES);
    },
  );

  it('removes a folder in the place of a file that it has listed', async () => {
    await using made = await ground(['a']);
    const { at } = made;
    writeFileSync(at('top', 'b'), '');
    await removeWhile(at('top'), () => {
      unlinkSync(at('top', 'b'));
      mkdirSync(at('top', 'b'));
    });
    expect(await readdir(at())).toEqual(['kept']);
  });
});
