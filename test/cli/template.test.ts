import { symlinkSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findPackageRoot } from '../../src/base/package-root.ts';
import { runCommandLine } from '../support/command-line.ts';
import { readTree, writeTree } from '../support/folder-tree.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

const templates = join(findPackageRoot(), 'templates');

describe('standby template validate', () => {
  it('accepts every example that comes along', async () => {
    const names = await readdir(templates);
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) {
      const { status, out, err } = await runCommandLine(
        'template',
        'validate',
        join(templates, name),
      );
      expect({ status, err, out: out.split(' (')[0] }).toEqual({
        status: 0,
        err: '',
        out: `Template ${name} is valid`,
      });
    }
  });

  it('answers programs with what would be pushed', async () => {
    await using folder = await makeTemporaryFolder();
    await writeTree(folder.path, {
      'standby.yaml': 'name: a\ndriver: null\npresets: [{name: p}]\n',
      '.git/config': '',
    });
    const { status, out } = await runCommandLine('template', 'validate', folder.path, '--json');
    expect(status).toBe(0);
    expect(JSON.parse(out)).toEqual({
      name: 'a',
      driver: 'null',
      presets: ['p'],
      files: 1,
      packed_bytes: expect.any(Number),
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      skipped: ['.git'],
    });
  });

  it('prints every issue with file, line and column, and ends with the status of bad data', async () => {
    await using folder = await makeTemporaryFolder();
    await writeTree(folder.path, {
      'standby.yaml': `name: a
driver: process
agents: [{name: main, startup: ./start.sh}, {name: more, startup: ./run.sh}]
process: {command: run}
`,
      'run.sh': '#!/bin/sh\n',
    });
    const file = join(folder.path, 'standby.yaml');
    expect(await runCommandLine('template', 'validate', folder.path)).toEqual({
      status: 65,
      err: '',
      out:
        `${file}:3:32: there is no file "./start.sh" in the folder (SCRIPT_MISSING)\n` +
        `${file}:3:67: the file "./run.sh" may not be executed (SCRIPT_NOT_EXECUTABLE)\n` +
        '    Run `chmod +x run.sh`.\n2 issues.\n',
    });
    const json = await runCommandLine('template', 'validate', folder.path, '--json');
    expect({ status: json.status, out: json.out }).toEqual({ status: 65, out: '' });
    expect(JSON.parse(json.err)).toMatchObject({
      code: 'MANIFEST_INVALID',
      details: {
        issues: [
          { code: 'SCRIPT_MISSING', line: 3, column: 32, path: 'agents[0].startup' },
          { code: 'SCRIPT_NOT_EXECUTABLE', line: 3, column: 67 },
        ],
      },
    });
  });

  it('says what of the folder cannot be pushed', async () => {
    await using folder = await makeTemporaryFolder();
    const validate = async (): Promise<string> => {
      const { status, err } = await runCommandLine('template', 'validate', folder.path, '--json');
      const { code, details } = JSON.parse(err);
      return `${status} ${code} ${details.reason ?? ''}`.trim();
    };
    expect(await validate()).toBe('65 ARCHIVE_INVALID manifest_missing');
    writeFileSync(join(folder.path, 'standby.yaml'), Buffer.from([0x61, 0xff]));
    expect(await validate()).toBe('65 ARCHIVE_INVALID manifest_encoding');
    writeFileSync(join(folder.path, 'standby.yaml'), `# ${'x'.repeat(64 * 1024)}`);
    expect(await validate()).toBe('65 ARCHIVE_TOO_LARGE');
    symlinkSync('/etc/passwd', join(folder.path, 'passwd'));
    expect(await validate()).toBe('65 ARCHIVE_INVALID symbolic_link');
  });

  it('says that a folder is not there', async () => {
    const { status, err } = await runCommandLine('template', 'validate', '/nowhere/at/all');
    expect(status).toBe(66);
    expect(err).toContain('"/nowhere/at/all" cannot be read');
  });
});

describe('standby template init', () => {
  it('writes a valid template named after its folder', async () => {
    await using folder = await makeTemporaryFolder();
    const target = join(folder.path, 'deep', 'my-template');
    const made = await runCommandLine('template', 'init', target, '--json');
    expect(made).toMatchObject({ status: 0, err: '' });
    const tree = await readTree(target);
    const { files, name } = JSON.parse(made.out);
    expect(name).toBe('my-template');
    expect(Object.keys(tree)).toEqual(files);
    expect(tree['standby.yaml']).toMatch(/^644 name: my-template\n/);
    const example = await readTree(join(templates, 'hello'));
    for (const path of files) if (path !== 'standby.yaml') expect(tree[path]).toBe(example[path]);

    const { status, out } = await runCommandLine('template', 'validate', target);
    expect(status).toBe(0);
    expect(out).toMatch(/^Template my-template is valid/);
  });

  it('begins with the example of the driver that is asked for', async () => {
    await using folder = await makeTemporaryFolder();
    const init = ['template', 'init', folder.path, '--name', 'web', '--driver', 'docker'] as const;
    expect(await runCommandLine(...init)).toMatchObject({ status: 0, err: '' });
    const tree = await readTree(folder.path);
    expect(tree['standby.yaml']).toMatch(/^644 name: web\n[^]*\ndriver: docker\n/);
    expect((await runCommandLine('template', 'validate', folder.path)).status).toBe(0);
  });

  it('adds to what is there and overwrites nothing', async () => {
    await using folder = await makeTemporaryFolder();
    await writeTree(folder.path, { '.git/config': 'x', 'README.md': 'mine' });
    const init = ['template', 'init', folder.path, '--name', 'demo'] as const;
    expect((await runCommandLine(...init)).status).toBe(0);
    expect(await readTree(folder.path)).toMatchObject({ 'README.md': '644 mine' });

    await using other = await makeTemporaryFolder();
    await writeTree(other.path, { 'server.mjs': 'mine' });
    const refused = await runCommandLine('template', 'init', other.path, '--name', 'demo');
    expect(refused.status).toBe(73);
    expect(refused.err).toContain('FILE_EXISTS');
    expect(await readTree(other.path)).toEqual({ 'server.mjs': '644 mine' });
  });

  it('asks for a name where the folder has none that fits', async () => {
    await using folder = await makeTemporaryFolder();
    const target = join(folder.path, 'My Template');
    const { status, err } = await runCommandLine('template', 'init', target);
    expect(status).toBe(65);
    expect(err).toContain('Choose a name with --name.');
    const named = await runCommandLine('template', 'init', target, '--name', 'a/b');
    expect(named.err).toContain('"a/b"');
    expect(await readTree(folder.path)).toEqual({});
  });

  it('says that it cannot write there', async () => {
    await using folder = await makeTemporaryFolder();
    await writeTree(folder.path, { file: '' });
    const { status, err } = await runCommandLine(
      'template',
      'init',
      join(folder.path, 'file', 'x'),
    );
    expect(status).toBe(73);
    expect(err).toContain('FILE_UNWRITABLE');
  });
});
