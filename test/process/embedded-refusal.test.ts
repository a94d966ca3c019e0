// Where the embedded server cannot run, or not in the usual way: an error that helps, nothing changed.
import { createHash } from 'node:crypto';
import {
  appendFile,
  chown,
  lstat,
  mkdir,
  readdir,
  realpath,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKit } from '../../src/base/kit.ts';
import { silentLog } from '../../src/base/log.ts';
import { startEmbeddedPostgres } from '../../src/embedded/server.ts';
import { createPlace, installApp, type Place } from '../support/embedded-app.ts';
import { ask, findOtherPostgres } from '../support/postgres.ts';

const kit = createKit(silentLog);
const settings = { fsync: 'off' };
const otherPostgres = await findOtherPostgres();

let place: Place;

beforeAll(async () => {
  place = await createPlace();
});

afterAll(() => place[Symbol.asyncDispose]());

describe('a data folder that cannot be used', () => {
  it('is named when it is a file', async () => {
    const dataDir = path.join(place.folder, 'file');
    await writeFile(dataDir, 'kept');
    await expect(startEmbeddedPostgres(kit, { dataDir, settings })).rejects.toMatchObject({
      code: 'DATA_FOLDER_UNUSABLE',
      detail: expect.stringContaining(dataDir),
    });
  });

  it('is named when its cluster is none', async () => {
    const dataDir = path.join(place.folder, 'none');
    const cluster = path.join(dataDir, 'postgres/cluster');
    await mkdir(cluster, { recursive: true });
    await expect(startEmbeddedPostgres(kit, { dataDir, settings })).rejects.toMatchObject({
      code: 'DATA_FOLDER_UNUSABLE',
      detail: expect.stringContaining(cluster),
    });
    expect(await readdir(cluster)).toEqual([]);
  });
});

describe('a server that ends while it starts', () => {
  it('is quoted', async () => {
    const dataDir = place.dataDir('broken');
    const server = await startEmbeddedPostgres(kit, { dataDir, settings });
    await server.stop();
    const file = path.join(dataDir, 'postgres/cluster/postgresql.conf');
    await appendFile(file, 'no_such_setting = 1\n');
    await expect(startEmbeddedPostgres(kit, { dataDir, settings })).rejects.toMatchObject({
      code: 'EMBEDDED_POSTGRES_FAILED',
      detail: expect.stringContaining('unrecognized configuration parameter "no_such_setting"'),
    });
  });
});

describe('programs that are not there or cannot run', () => {
  it('of our package, where it was not installed: the error names both ways out', async () => {
    const app = await installApp(place, { programs: 'missing' });
    const refused = await app.start(place.dataDir('no-package')).line('failed');
    expect(refused.code).toBe('EMBEDDED_POSTGRES_UNSUPPORTED');
    expect(refused.detail).toContain(`@embedded-postgres/${process.platform}-${process.arch}`);
    expect(refused.hint).toContain('STANDBY_DATABASE_URL');
  });

  it('in a folder that was named', async () => {
    const binDir = path.join(place.folder, 'no-programs');
    const dataDir = place.dataDir('no-programs-data');
    await expect(startEmbeddedPostgres(kit, { dataDir, binDir })).rejects.toMatchObject({
      code: 'EMBEDDED_POSTGRES_UNSUPPORTED',
      detail: expect.stringContaining(path.join(binDir, 'postgres')),
    });
  });
});

describe.skipIf(otherPostgres === undefined)('another PostgreSQL', () => {
  it('runs where its folder is named, and its cluster is not opened by ours', async () => {
    const dataDir = place.dataDir('other');
    const binDir = otherPostgres!;
    const server = await startEmbeddedPostgres(kit, { dataDir, binDir, settings });
    const [version] = await ask(
      server.connection,
      `select current_setting('server_version_num')::int`,
    );
    expect(version).toBeLessThan(180000);
    await server.stop();

    await expect(startEmbeddedPostgres(kit, { dataDir, settings })).rejects.toMatchObject({
      code: 'EMBEDDED_POSTGRES_UNSUPPORTED',
      detail: expect.stringMatching(
        /cluster was made by PostgreSQL 1\d, and this is PostgreSQL 18/,
      ),
      hint: expect.stringContaining('STANDBY_POSTGRES_BIN_DIR'),
    });
    const again = await startEmbeddedPostgres(kit, { dataDir, binDir, settings });
    expect(again.outcome).toBe('started');
  });
});

describe('a data folder with a long path', () => {
  it('has its socket elsewhere, in a folder that nobody else made', async () => {
    const parent = path.join(place.folder, 'x'.repeat(120), 'with, commas "and" spaces');
    await mkdir(parent, { recursive: true });
    const dataDir = place.dataDir(path.relative(place.folder, path.join(parent, 'data')));
    await mkdir(dataDir, { mode: 0o711 });
    const cluster = path.join(await realpath(dataDir), 'postgres/cluster');
    const name = createHash('sha256').update(cluster).digest('hex').slice(0, 16);
    const expected = path.join(tmpdir(), `standby-${name}`);
    // Somebody guessed the name: a link to where they can look, and a folder of theirs.
    await symlink(place.folder, expected);
    const squatted = [expected];
    if (process.getuid?.() === 0) {
      await mkdir(`${expected}-1`);
      await chown(`${expected}-1`, 65534, 65534);
      squatted.push(`${expected}-1`);
    }
    try {
      const server = await startEmbeddedPostgres(kit, { dataDir, settings });
      expect(squatted).not.toContain(server.connection.host);
      expect(server.connection.host.startsWith(expected)).toBe(true);
      expect((await lstat(server.connection.host)).mode & 0o777).toBe(0o700);
      expect(await ask(server.connection, 'select 1')).toEqual([1]);
      expect((await startEmbeddedPostgres(kit, { dataDir, settings })).outcome).toBe('adopted');
      await server.stop();
    } finally {
      for (const suffix of ['', '-1', '-2']) {
        await rm(expected + suffix, { recursive: true, force: true });
      }
    }
  });

  it('that holds commas, quotes and spaces needs no other place', async () => {
    const dataDir = place.dataDir(`a, "b" and 'c'`);
    const server = await startEmbeddedPostgres(kit, { dataDir, settings });
    expect(server.connection.host).toBe(path.join(await realpath(dataDir), 'postgres/socket'));
    expect(await ask(server.connection, 'select 1')).toEqual([1]);
  });
});
