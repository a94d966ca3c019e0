import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { formatIdentity } from '../../src/base/process-identity.ts';
import { systemRng } from '../../src/base/random.ts';
import { dataFolderAt, openDataFolder } from '../../src/main/installation/data-folder.ts';
import { findInstance, occupy, occupyOrRefuse } from '../../src/main/installation/instance.ts';
import { loadSecretKey } from '../../src/main/installation/secret-file.ts';

let scratch: string;

beforeEach(async () => {
  scratch = await mkdtemp(path.join(os.tmpdir(), 'standby-installation-'));
});

afterEach(() => rm(scratch, { recursive: true, force: true }));

describe('the data folder', () => {
  it('is made with its parents and found again', async () => {
    const folder = path.join(scratch, 'a', 'b');
    await openDataFolder(folder);
    await openDataFolder(folder);
    expect(await readFile(path.join(folder, 'layout-version'), 'utf8')).toBe('1\n');
  });

  it('of a newer version is refused and left as it was', async () => {
    await writeFile(path.join(scratch, 'layout-version'), '2\n');
    await expect(openDataFolder(scratch)).rejects.toThrow(
      `DATA_FOLDER_NEWER: ${scratch} has layout version 2; this program knows 1`,
    );
    expect(await readdir(scratch)).toEqual(['layout-version']);
  });

  it('that cannot be one is refused with its path', async () => {
    const file = path.join(scratch, 'file');
    await writeFile(file, '');
    await expect(openDataFolder(path.join(file, 'x'))).rejects.toThrow(
      /DATA_FOLDER_UNUSABLE.*file/,
    );
  });
});

describe('the secret key', () => {
  it('is made once, for its user only', async () => {
    const file = path.join(scratch, 'secret.key');
    const made = await loadSecretKey({ rng: systemRng }, file, { create: true });
    const found = await loadSecretKey({ rng: systemRng }, file, { create: false });
    expect(found.equals(made)).toBe(true);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('is never made up for one that is missing or damaged', async () => {
    const file = path.join(scratch, 'secret.key');
    await expect(loadSecretKey({ rng: systemRng }, file, { create: false })).rejects.toThrow(
      /CONFIG_INVALID: the secret key file .* does not exist/,
    );
    await writeFile(file, 'abc');
    await expect(loadSecretKey({ rng: systemRng }, file, { create: true })).rejects.toThrow(
      /does not hold 64 hexadecimal digits/,
    );
  });
});

describe('the instance of a data folder', () => {
  const kit = { clock: systemClock, rng: systemRng };

  it('is one living process at a time', async () => {
    const folder = dataFolderAt(scratch);
    const first = await occupyOrRefuse(kit, folder);
    expect(await findInstance(folder)).toMatchObject({ url: null });
    await first.announce('http://127.0.0.1:1');
    expect(await occupy(kit, folder)).toMatchObject({
      kind: 'taken',
      by: { url: 'http://127.0.0.1:1', process: { pid: process.pid } },
    });
    await expect(occupyOrRefuse(kit, folder)).rejects.toThrow(
      `ALREADY_RUNNING: process ${process.pid} runs a control plane in ${scratch} (http://127.0.0.1:1)`,
    );
    await first.release();
    expect((await occupy(kit, folder)).kind).toBe('mine');
  });

  it('that died names nobody, and a torn address no address', async () => {
    const folder = dataFolderAt(scratch);
    const gone = formatIdentity({ pid: process.pid, startMark: '1', bootId: 'another boot' });
    await mkdir(folder.instanceLock);
    await writeFile(path.join(folder.instanceLock, `abcdef.${gone}`), '');
    await writeFile(folder.instanceFile, JSON.stringify({ process: gone, url: 'http://x' }));
    expect(await findInstance(folder)).toBeUndefined();
    expect((await occupy(kit, folder)).kind).toBe('mine');
    expect(await findInstance(folder)).toMatchObject({ url: null });
    await writeFile(folder.instanceFile, '{"proc');
    expect(await findInstance(folder)).toMatchObject({ url: null });
  });

  it('is exactly one of many that start at once', async () => {
    const folder = dataFolderAt(scratch);
    const all = await Promise.all(Array.from({ length: 20 }, () => occupy(kit, folder)));
    expect(all.filter((one) => one.kind === 'mine')).toHaveLength(1);
  });
});
