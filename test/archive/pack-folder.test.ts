import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, linkSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AppError } from '../../src/base/app-error.ts';
import { checkArchive } from '../../src/archive/check-archive.ts';
import { extractArchive } from '../../src/archive/extract-archive.ts';
import { ARCHIVE_LIMITS } from '../../src/archive/limits.ts';
import { packFolder } from '../../src/archive/pack-folder.ts';
import { readTree, writeTree } from '../support/folder-tree.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

const LONG = `${'d'.repeat(100)}/${'ä'.repeat(70)}`;

describe('packFolder', () => {
  it('gives the same bytes for the same files, whenever and in whatever order they were made', async () => {
    await using one = await makeTemporaryFolder();
    await using other = await makeTemporaryFolder();
    const files = {
      'standby.yaml': 'name: x\n',
      'b/z': 'z',
      'b/a': 'a',
      'B.txt': '',
      'empty/': '',
    };
    await writeTree(one.path, files);
    await writeTree(other.path, Object.fromEntries(Object.entries(files).reverse()));
    utimesSync(join(other.path, 'b/z'), 1, 1);
    chmodSync(join(other.path, 'b/z'), 0o664);
    const packed = await packFolder(one.path);
    expect((await packFolder(other.path)).sha256).toBe(packed.sha256);
    expect(createHash('sha256').update(packed.bytes).digest('hex')).toBe(packed.sha256);
    // The same on every machine, for ever: what was pushed once is found again by this hash.
    expect(packed.sha256).toMatchInlineSnapshot(
      `"2fda14d26e3d0667894437a882452d830bee8a944082d648ea57d9fcaa9cab15"`,
    );
  });

  it('gives other bytes when a name, a content or the execute bit differs', async () => {
    await using folder = await makeTemporaryFolder();
    const hashes = new Set<string>();
    const note = async (): Promise<void> => {
      hashes.add((await packFolder(folder.path)).sha256);
    };
    await writeTree(folder.path, { a: '1' });
    await note();
    await writeTree(folder.path, { a: '2' });
    await note();
    chmodSync(join(folder.path, 'a'), 0o755);
    await note();
    await writeTree(folder.path, { b: '' });
    await note();
    expect(hashes.size).toBe(4);
  });

  it('writes what GNU tar lists and unpacks, long and accented names too', async () => {
    await using folder = await makeTemporaryFolder();
    await writeTree(folder.path, {
      'src/run': '#!/bin/sh\n',
      [`src/${LONG}`]: 'far',
      'src/e/': '',
    });
    chmodSync(join(folder.path, 'src/run'), 0o700);
    const { bytes } = await packFolder(join(folder.path, 'src'));
    writeFileSync(join(folder.path, 'packed.tgz'), bytes);
    mkdirSync(join(folder.path, 'out'));
    execFileSync('tar', ['-xzf', 'packed.tgz', '-C', 'out'], { cwd: folder.path });
    const tree = await readTree(join(folder.path, 'out'));
    expect(tree['run']).toBe('755 #!/bin/sh\n');
    expect(tree[LONG]).toBe('644 far');
    expect(tree['e']).toBe('folder 755');
  });

  it('leaves out what tools keep beside a template, and says so', async () => {
    await using folder = await makeTemporaryFolder();
    await writeTree(folder.path, {
      'standby.yaml': '',
      '.git/config': '',
      '.terraform/plugin': '',
      '.terraform.lock.hcl': '',
      'terraform.tfstate': 'secret',
      'module/terraform.tfstate.backup': 'secret',
      'errored.tfstate': 'secret',
      'module/main.tf': '',
    });
    const { bytes, skipped } = await packFolder(folder.path);
    expect(skipped).toEqual([
      '.git',
      '.terraform',
      'errored.tfstate',
      'module/terraform.tfstate.backup',
      'terraform.tfstate',
    ]);
    const { files } = await checkArchive(bytes);
    expect(files.map(({ path }) => path)).toEqual([
      '.terraform.lock.hcl',
      'module/main.tf',
      'standby.yaml',
    ]);
  });

  it('refuses a link by its path, even one that leads to a file inside', async () => {
    await using folder = await makeTemporaryFolder();
    await writeTree(folder.path, { 'bin/a': '' });
    symlinkSync('a', join(folder.path, 'bin/b'));
    await expect(packFolder(folder.path)).rejects.toMatchObject({
      code: 'ARCHIVE_INVALID',
      detail: '"bin/b" is a symbolic link, not a regular file or folder.',
      fields: { reason: 'symbolic_link', path: 'bin/b' },
    });
  });

  it('refuses pipes and sockets without opening them', async () => {
    await using folder = await makeTemporaryFolder();
    const pipe = join(folder.path, 'pipe');
    execFileSync('mkfifo', [pipe]);
    await expect(packFolder(folder.path)).rejects.toMatchObject({ fields: { reason: 'fifo' } });

    await using other = await makeTemporaryFolder();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(other.path, 'socket'), resolve));
    try {
      await expect(packFolder(other.path)).rejects.toMatchObject({ fields: { reason: 'socket' } });
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('packs a hard link as the file it is', async () => {
    await using folder = await makeTemporaryFolder();
    await writeTree(folder.path, { a: 'same' });
    linkSync(join(folder.path, 'a'), join(folder.path, 'b'));
    const { bytes } = await packFolder(folder.path);
    await extractArchive([bytes], join(folder.path, 'out'));
    expect(await readTree(join(folder.path, 'out'))).toEqual({ a: '644 same', b: '644 same' });
  });

  it('refuses names that an archive cannot hold', async () => {
    const reasonFor = async (name: string | Buffer): Promise<unknown> => {
      await using folder = await makeTemporaryFolder();
      writeFileSync(Buffer.concat([Buffer.from(`${folder.path}/`), Buffer.from(name)]), '');
      return await packFolder(folder.path).catch((error: unknown) => (error as AppError).fields);
    };
    expect(await reasonFor('a\\b')).toMatchObject({ reason: 'path_character', path: 'a\\b' });
    expect(await reasonFor('a\nb')).toMatchObject({ reason: 'path_character' });
    expect(await reasonFor(Buffer.from([0x61, 0xff]))).toMatchObject({ reason: 'path_encoding' });
  });

  it('refuses names that another file system would take for one', async () => {
    await using folder = await makeTemporaryFolder();
    await writeTree(folder.path, { README: '', readme: '' });
    await expect(packFolder(folder.path)).rejects.toMatchObject({
      fields: { reason: 'collision', path: 'readme' },
    });
  });

  it('refuses a folder that is too large, before it is packed', async () => {
    await using folder = await makeTemporaryFolder();
    await writeTree(folder.path, { a: 'x'.repeat(3000), b: '' });
    const limits = { ...ARCHIVE_LIMITS, unpackedBytes: 2000 };
    await expect(packFolder(folder.path, limits)).rejects.toMatchObject({
      code: 'ARCHIVE_TOO_LARGE',
      fields: { limit: 'unpacked_bytes', allowed: 2000, path: 'a' },
    });
    await expect(
      packFolder(folder.path, { ...ARCHIVE_LIMITS, packedBytes: 20 }),
    ).rejects.toMatchObject({ fields: { limit: 'packed_bytes' } });
  });

  it('says which folder cannot be read', async () => {
    await using folder = await makeTemporaryFolder();
    await writeTree(folder.path, { file: '' });
    for (const name of ['absent', 'file']) {
      await expect(packFolder(join(folder.path, name))).rejects.toMatchObject({
        code: 'FILE_UNREADABLE',
        detail: expect.stringContaining(name),
      });
    }
  });

  it('is undone by extractArchive, for any folder', async () => {
    const name = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
      .filter((text) => !/[/\\\p{C}\p{Zl}\p{Zp}]/u.test(text) && !/^\.+$/.test(text));
    const files = fc.uniqueArray(
      fc.record({
        folder: fc.constantFrom('', 'a/', 'a/b/', `${'n'.repeat(90)}/`),
        name,
        content: fc.uint8Array({ maxLength: 2000 }),
        executable: fc.boolean(),
      }),
      // Names that one file system would take for one are another test's business.
      { selector: (file) => file.folder + file.name.normalize('NFD').toUpperCase(), maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(files, async (list) => {
        await using folder = await makeTemporaryFolder();
        const source = join(folder.path, 'source');
        await writeTree(source, { 'keep/': '' });
        const expected = new Map<string, string>();
        for (const file of list) {
          const path = `_${file.folder}_${file.name}`;
          await writeTree(source, { [path]: Buffer.from(file.content) });
          chmodSync(join(source, path), file.executable ? 0o700 : 0o600);
          const content = Buffer.from(file.content).toString('latin1');
          expected.set(path, `${file.executable ? '755' : '644'} ${content}`);
        }
        const { bytes } = await packFolder(source);
        const target = join(folder.path, 'target');
        await extractArchive([bytes], target);
        const tree = await readTree(target);
        expect(tree['keep']).toBe('folder 755');
        const unpacked = Object.entries(tree).filter(([, text]) => !text.startsWith('folder'));
        expect(new Map(unpacked)).toEqual(expected);
        expect((await packFolder(target)).sha256).toBe((await packFolder(source)).sha256);
      }),
      { numRuns: 40 },
    );
  });
});
