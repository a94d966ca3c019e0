import { execFileSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/base/app-error.ts';
import { extractArchive } from '../../src/archive/extract-archive.ts';
import { readTree, writeTree } from '../support/folder-tree.ts';
import { entry, folder, gz, header, pax, paxRecord, tar } from '../support/tar-bytes.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import { hasTool } from '../support/tool.ts';

describe('extractArchive', () => {
  it('normalises every mode, whatever the umask and the archive say', async () => {
    await using temporary = await makeTemporaryFolder();
    const target = join(temporary.path, 'out');
    const packed = gz(
      folder('d/', { mode: 0o7000 }),
      entry('d/f', 'x', { mode: 0o4600 }),
      entry('i/m/plied', '', { mode: 0o7777 }),
    );
    // Only a process of its own can have another umask than this one.
    const module = new URL('../../src/archive/extract-archive.ts', import.meta.url).href;
    const script = `const { extractArchive } = await import('${module}');
      await extractArchive(process.stdin, '${target}');`;
    const run = ['-c', 'umask 077; exec "$0" "$@"', process.execPath, '--import', 'tsx'];
    execFileSync('sh', [...run, '--input-type=module', '-e', script], { input: packed });
    expect(await readTree(temporary.path)).toEqual({
      out: 'folder 755',
      'out/d': 'folder 755',
      'out/d/f': '644 x',
      'out/i': 'folder 755',
      'out/i/m': 'folder 755',
      'out/i/m/plied': '755 ',
    });
  });

  it('holds no more of a large archive than of a small one', async () => {
    await using temporary = await makeTemporaryFolder();
    const module = (path: string): string => new URL(`../../src/${path}`, import.meta.url).href;
    // What has been unpacked and is not collected yet, at its most. Other tests leave things about in this process.
    const script = `const { readArchive } = await import('${module('archive/read-archive.ts')}');
      const { writeEntries } = await import('${module('archive/extract-archive.ts')}');
      const packed = [];
      for await (const chunk of process.stdin) packed.push(chunk);
      const heldNow = () => process.memoryUsage().arrayBuffers;
      const before = heldNow();
      let most = 0;
      async function* watched(chunks) {
        for await (const chunk of chunks) {
          most = Math.max(most, heldNow() - before);
          yield chunk;
        }
      }
      async function* entries() {
        for await (const entry of readArchive([Buffer.concat(packed)]))
          yield { ...entry, content: watched(entry.content) };
      }
      await writeEntries(entries(), '${join(temporary.path, 'out')}');
      process.stdout.write(String(most));`;
    const run = ['--import', 'tsx', '--input-type=module', '-e', script];
    const content = Buffer.alloc(96 * 2 ** 20);
    for (let at = 0; at < content.length; at += 4_096) randomFillSync(content, at, 200);
    const packed = gz(header({ name: 'large', size: content.length }), content);
    const most = Number(execFileSync(process.execPath, run, { input: packed, encoding: 'utf8' }));
    expect(most).toBeGreaterThan(0);
    expect(most / 2 ** 20).toBeLessThan(24);
  });

  it('takes a folder that comes after what is in it', async () => {
    await using temporary = await makeTemporaryFolder();
    await extractArchive([gz(entry('d/f', 'x'), folder('d/'))], join(temporary.path, 'out'));
    expect(await readTree(join(temporary.path, 'out'))).toEqual({
      d: 'folder 755',
      'd/f': '644 x',
    });
  });

  it('removes what it has made when the archive turns out to be bad', async () => {
    await using temporary = await makeTemporaryFolder();
    const target = join(temporary.path, 'out');
    const packed = gz(entry('d/f', 'x'), header({ name: 'l', type: '2', linkname: '/' }));
    await expect(extractArchive([packed], target)).rejects.toMatchObject({
      code: 'ARCHIVE_INVALID',
    });
    expect(await readTree(temporary.path)).toEqual({});
  });

  it('removes what it has made when the source fails', async () => {
    await using temporary = await makeTemporaryFolder();
    const source = async function* (): AsyncGenerator<Buffer> {
      yield gz(entry('f')).subarray(0, 20);
      throw new Error('connection lost');
    };
    await expect(extractArchive(source(), join(temporary.path, 'out'))).rejects.toThrow(
      'connection lost',
    );
    expect(await readTree(temporary.path)).toEqual({});
  });

  it('never touches a folder that is there already', async () => {
    await using temporary = await makeTemporaryFolder();
    await writeTree(temporary.path, { 'out/mine': 'kept' });
    const target = join(temporary.path, 'out');
    await expect(extractArchive([gz(entry('f'))], target)).rejects.toMatchObject({
      code: 'EEXIST',
    });
    expect(await readTree(target)).toEqual({ mine: '644 kept' });
  });

  it.each([
    ['gnu', []],
    ['oldgnu', []],
    ['posix', []],
    ['posix', ['--pax-option=comment=x']],
    ['ustar', []],
    ['v7', []],
  ])('unpacks what GNU tar packs in the %s format %j', async (format, more) => {
    await using temporary = await makeTemporaryFolder();
    // 90 and 95 fit a ustar prefix; version 7 has 100 bytes for all.
    const folders = format === 'v7' ? 'x' : 'd'.repeat(90);
    const far = ['v7', 'ustar'].includes(format) ? 'f'.repeat(95) : 'ü'.repeat(75);
    await writeTree(temporary.path, { [`in/${folders}/${far}`]: 'far', 'in/empty/': '' });
    await writeTree(temporary.path, { 'in/run': '#!/bin/sh\n'.repeat(200) });
    const pack = ['-C', 'in', `--format=${format}`, ...more, '-czf', 'packed.tgz', '.'];
    execFileSync('tar', pack, { cwd: temporary.path });
    const target = join(temporary.path, 'out');
    await extractArchive([await readFile(join(temporary.path, 'packed.tgz'))], target);
    expect(await readTree(target)).toEqual({
      [folders]: 'folder 755',
      [`${folders}/${far}`]: '644 far',
      empty: 'folder 755',
      run: `644 ${'#!/bin/sh\n'.repeat(200)}`,
    });
  });

  describe.runIf(hasTool('bsdtar'))('with bsdtar', () => {
    it.each(['restricted', 'pax', 'ustar', 'gnutar', 'v7'])(
      'unpacks the %s format',
      async (format) => {
        await using temporary = await makeTemporaryFolder();
        const far = ['ustar', 'v7'].includes(format) ? 'f'.repeat(95) : 'ü'.repeat(75);
        await writeTree(temporary.path, { [`in/${far}`]: 'far', 'in/empty/': '' });
        const how = format === 'restricted' ? [] : ['--format', format];
        const pack = ['-C', 'in', ...how, '-czf', 'packed.tgz', '.'];
        execFileSync('bsdtar', pack, { cwd: temporary.path });
        const target = join(temporary.path, 'out');
        await extractArchive([await readFile(join(temporary.path, 'packed.tgz'))], target);
        expect(await readTree(target)).toEqual({ [far]: '644 far', empty: 'folder 755' });
      },
    );
  });

  it.runIf(hasTool('git'))(
    'unpacks what git archives, its remark for all entries too',
    async () => {
      await using temporary = await makeTemporaryFolder();
      await writeTree(temporary.path, { 'standby.yaml': 'name: x\n', 'bin/run': '#!/bin/sh\n' });
      // Nobody's configuration, and not the repository of a hook that runs the tests.
      const env = { PATH: process.env['PATH'], HOME: temporary.path };
      const identity = ['-c', 'user.name=test', '-c', 'user.email=test@localhost'];
      const git = (...words: readonly string[]): Buffer =>
        execFileSync('git', [...identity, ...words], { cwd: temporary.path, env });
      git('init', '--quiet');
      git('add', '--all', '--chmod=+x', 'bin');
      git('add', 'standby.yaml');
      git('commit', '--quiet', '--message=all');
      const packed = git('archive', '--format=tar.gz', 'HEAD');
      const target = join(temporary.path, 'out');
      await extractArchive([packed], target);
      expect(await readTree(target)).toEqual({
        bin: 'folder 755',
        'bin/run': '755 #!/bin/sh\n',
        'standby.yaml': '644 name: x\n',
      });
    },
  );

  it('refuses links that GNU tar packs', async () => {
    await using temporary = await makeTemporaryFolder();
    await writeTree(temporary.path, { 'in/a': 'x' });
    const run = (...command: [string, ...string[]]): unknown =>
      execFileSync(command[0], command.slice(1), { cwd: temporary.path });
    run('ln', 'in/a', 'in/b');
    run('tar', '-C', 'in', '-czf', 'hard.tgz', '.');
    run('ln', '-s', `/${'t'.repeat(150)}`, 'in/c');
    run('tar', '-C', 'in', '-czf', 'symbolic.tgz', '--hard-dereference', '.');
    for (const [name, reason] of [
      ['hard', 'hard_link'],
      ['symbolic', 'symbolic_link'],
    ]) {
      const bytes = await readFile(join(temporary.path, `${name}.tgz`));
      await expect(extractArchive([bytes], join(temporary.path, 'out'))).rejects.toMatchObject({
        fields: { reason },
      });
    }
  });

  it('refuses a sparse file that GNU tar packs', async () => {
    await using temporary = await makeTemporaryFolder();
    mkdirSync(join(temporary.path, 'in'));
    execFileSync('truncate', ['-s', '1M', join(temporary.path, 'in/hole')]);
    for (const format of ['gnu', 'posix']) {
      const pack = ['-C', 'in', '--sparse', `--format=${format}`, '-czf', 'packed.tgz', '.'];
      execFileSync('tar', pack, { cwd: temporary.path });
      const bytes = await readFile(join(temporary.path, 'packed.tgz'));
      await expect(extractArchive([bytes], join(temporary.path, 'out'))).rejects.toMatchObject({
        fields: { reason: 'sparse_file' },
      });
    }
  });

  it('survives any mutation: an AppError or a folder, and nothing outside of it', async () => {
    await using temporary = await makeTemporaryFolder();
    const inside = join(temporary.path, 'inside');
    await writeTree(temporary.path, {
      'outside/victim': 'untouched',
      'inside/beside': 'untouched',
    });
    const before = await readTree(temporary.path);
    const original = tar(
      folder('./'),
      entry('./a', 'hello'),
      pax(
        paxRecord('path', '../../outside/victim'.replaceAll('..', 'x')) + paxRecord('mtime', '1'),
      ),
      entry('b', 'y'.repeat(600)),
      pax(Buffer.from('deep/er\0'), 'L'),
      entry('c', 'z', { mode: 0o755 }),
      header({ name: 'victim', prefix: 'outside', type: '5' }),
    );
    // Any byte, and those with which most of a tar's tricks are made.
    const value = fc.oneof(
      fc.integer({ min: 0, max: 255 }),
      fc.constantFrom(0, 0x2e, 0x2f, 0x31, 0x32, 0x35, 0x4b, 0x4c, 0x78),
    );
    const mutation = fc.record({ at: fc.nat(original.length - 1), value });
    await fc.assert(
      fc.asyncProperty(
        fc.array(mutation, { minLength: 1, maxLength: 6 }),
        fc.boolean(),
        async (mutations, mendChecksums) => {
          const mutated = Buffer.from(original);
          for (const { at, value: byte } of mutations) mutated[at] = byte;
          if (mendChecksums) for (const { at } of mutations) mendChecksum(mutated, at);
          const target = join(inside, 'out');
          let made = true;
          try {
            await extractArchive([gzipSync(mutated, { level: 1 })], target);
          } catch (error) {
            expect(error).toBeInstanceOf(AppError);
            made = false;
          }
          const after = await readTree(temporary.path);
          const rest = Object.entries(after).filter(([path]) => !isBelow(path, 'inside/out'));
          expect(Object.fromEntries(rest)).toEqual(before);
          expect(Object.hasOwn(after, 'inside/out')).toBe(made);
          expect(Object.values(after).some((text) => text.startsWith('link'))).toBe(false);
          if (made) await rm(target, { recursive: true });
        },
      ),
      { numRuns: 250 },
    );
  });

  it('survives any mutation of the packed bytes', async () => {
    await using temporary = await makeTemporaryFolder();
    const original = gz(entry('a', 'hello'), entry('b', 'c'.repeat(2000)));
    const mutation = fc.record({
      at: fc.nat(original.length - 1),
      value: fc.integer({ min: 0, max: 255 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { maxLength: 4 }), async (mutations) => {
        const mutated = Buffer.from(original);
        for (const { at, value } of mutations) mutated[at] = value;
        const target = join(temporary.path, 'out');
        const error = await extractArchive([mutated], target).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        if (error === undefined) await rm(target, { recursive: true });
        else expect(error).toBeInstanceOf(AppError);
        expect(await readTree(temporary.path)).toEqual({});
      }),
      { numRuns: 150 },
    );
  });

  it('does not follow a link that somebody puts where a file will be', async () => {
    await using temporary = await makeTemporaryFolder();
    const victim = join(temporary.path, 'victim');
    writeFileSync(victim, 'untouched');
    const target = join(temporary.path, 'out');
    const source = async function* (): AsyncGenerator<Buffer> {
      // The target exists by the time its source is read.
      execFileSync('ln', ['-s', victim, join(target, 'f')]);
      yield gz(entry('f', 'overwritten'));
    };
    await expect(extractArchive(source(), target)).rejects.toMatchObject({ code: 'EEXIST' });
    expect(await readTree(temporary.path)).toEqual({ victim: '644 untouched' });
  });
});

function isBelow(path: string, root: string): boolean {
  return path === root || path.startsWith(`${root}/`);
}

/** So that a mutated header is not refused for its checksum alone. */
function mendChecksum(bytes: Buffer, at: number): void {
  const block = bytes.subarray(at - (at % 512), at - (at % 512) + 512);
  block.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}
