// Who runs the server, and who can reach it. Most of this needs root, who can become anybody.
import { spawnSync } from 'node:child_process';
import { chmod, chown, cp, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findRunning } from '../../src/embedded/postmaster.ts';
import { layoutOf } from '../../src/embedded/layout.ts';
import { stopEmbeddedPostgres } from '../../src/embedded/server.ts';
import { createKit } from '../../src/base/kit.ts';
import { silentLog } from '../../src/base/log.ts';
import { createPlace, installApp, type App, type Place } from '../support/embedded-app.ts';
import { ask } from '../support/postgres.ts';

const kit = createKit(silentLog);
const NOBODY = { uid: 65534, gid: 65534 };
const isRoot = process.getuid?.() === 0;
const canMount = isRoot && succeeds('unshare', ['--mount', 'true']);
const hasUserNamespaces = isRoot && succeeds('unshare', ['--user', '--map-user=65534', 'true']);
const hasPostgresUser = succeeds('id', ['-u', 'postgres']);

if (!isRoot) process.stderr.write('SKIPPED: the tests of other accounts need to run as root\n');
else if (!canMount) process.stderr.write('SKIPPED: tests that need a mount namespace\n');

function succeeds(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args).status === 0;
}

async function ownerOf(file: string): Promise<number> {
  return (await stat(file)).uid;
}

async function serverUid(dataDir: string): Promise<number> {
  const running = await findRunning(layoutOf(dataDir));
  const { stdout } = spawnSync('ps', ['-o', 'uid=', '-p', String(running!.identity.pid)]);
  return Number(stdout.toString());
}

describe.skipIf(!isRoot)('the account of the server', () => {
  let place: Place;
  let app: App;

  beforeAll(async () => {
    place = await createPlace();
    app = await installApp(place, { programs: 'copied' });
  });

  afterAll(() => place[Symbol.asyncDispose]());

  it('is an ordinary user’s own, also when the package’s library links are missing and it is read-only', async () => {
    const home = path.join(place.folder, 'home-of-nobody');
    await mkdir(home, { mode: 0o700 });
    await chown(home, NOBODY.uid, NOBODY.gid);
    const dataDir = place.dataDir('home-of-nobody/data');
    const starter = app.start(dataDir, NOBODY);
    expect((await starter.line('ready')).outcome).toBe('created');
    expect(await serverUid(dataDir)).toBe(NOBODY.uid);
    expect(await ownerOf(path.join(dataDir, 'postgres/cluster'))).toBe(NOBODY.uid);
    expect(await readdir(path.join(dataDir, 'postgres/software'))).toHaveLength(1);
    await starter.kill();

    // Whoever made the cluster stays its account, also when root starts it.
    await stopEmbeddedPostgres(kit, dataDir);
    expect((await app.start(dataDir).line('ready')).outcome).toBe('started');
    expect(await serverUid(dataDir)).toBe(NOBODY.uid);
  });

  it('is another than root’s, which can run neither programs nor links of a private checkout in place', async () => {
    await chmod(app.folder, 0o700);
    try {
      const dataDir = place.dataDir('of-root');
      const both = [app.start(dataDir), app.start(dataDir)];
      const lines = await Promise.all(both.map((starter) => starter.line('ready')));
      expect(lines.filter(({ outcome }) => outcome === 'adopted')).toHaveLength(1);
      expect(await serverUid(dataDir)).not.toBe(0);
      expect(await readdir(path.join(dataDir, 'postgres/software'))).toHaveLength(1);
      // The 14 links were made on the way, where root can write.
      expect(await readdir(path.join(app.native, 'lib'))).toContain('libpq.so.5');

      // A copy that was torn is replaced.
      await Promise.all(both.map((starter) => starter.kill()));
      await stopEmbeddedPostgres(kit, dataDir);
      const software = path.join(dataDir, 'postgres/software');
      const [version = ''] = await readdir(software);
      await writeFile(path.join(software, version, 'bin/postgres'), '');
      expect((await app.start(dataDir).line('ready')).outcome).toBe('started');
    } finally {
      await chmod(app.folder, 0o755);
    }
  });

  it('is root in a user namespace for a data folder that only root can reach', async () => {
    await mkdir(path.join(place.folder, 'private'), { mode: 0o700 });
    const dataDir = place.dataDir('private/data');
    const starter = app.start(dataDir);
    if (!hasUserNamespaces) {
      const { code, hint } = await starter.line('failed');
      expect(code).toBe('EMBEDDED_POSTGRES_UNSUPPORTED');
      expect(hint).toContain('STANDBY_DATABASE_URL');
      return;
    }
    const { connection } = await starter.line('ready');
    expect(await ownerOf(path.join(dataDir, 'postgres/cluster'))).toBe(0);
    expect(await ask(connection, 'select 1')).toEqual([1]);

    // Brought to a place that others can reach, it is given to an ordinary account.
    await starter.kill();
    await stopEmbeddedPostgres(kit, dataDir);
    const moved = place.dataDir('moved');
    await cp(dataDir, moved, { recursive: true, preserveTimestamps: true });
    expect((await app.start(moved).line('ready')).outcome).toBe('started');
    expect(await serverUid(moved)).not.toBe(0);
  });

  describe.skipIf(!canMount)('on a bare machine', () => {
    /** As on a machine without these users, and without the program `missing`. */
    async function onMachineWithout(
      users: readonly string[],
      missing?: string,
    ): Promise<readonly string[]> {
      const known = (await readFile('/etc/passwd', 'utf8')).split('\n');
      const passwd = path.join(place.folder, `passwd-without-${users.join('-')}`);
      const left = known.filter((line) => !users.some((name) => line.startsWith(`${name}:`)));
      await writeFile(passwd, left.join('\n'));
      // Other sources of users than the file make some up.
      const sources = path.join(place.folder, 'nsswitch.conf');
      await writeFile(sources, 'passwd: files\ngroup: files\n');
      const script = [
        `mount --bind '${passwd}' /etc/passwd`,
        `test ! -e /etc/nsswitch.conf || mount --bind '${sources}' /etc/nsswitch.conf`,
        missing === undefined ? '' : `mount --bind /dev/null "$(command -v ${missing})"`,
        'exec "$@"',
      ];
      return ['unshare', '--mount', 'sh', '-ec', script.join('\n'), 'sh'];
    }

    it('without a user postgres is nobody', async () => {
      const dataDir = place.dataDir('bare');
      const wrapper = await onMachineWithout(['postgres']);
      expect((await app.start(dataDir, { wrapper }).line('ready')).outcome).toBe('created');
      expect(await serverUid(dataDir)).toBe(NOBODY.uid);
    });

    it('without any that would do is none, and the error says why and what to do', async () => {
      const wrapper = await onMachineWithout(['postgres', 'nobody'], 'unshare');
      const refused = await app.start(place.dataDir('barest'), { wrapper }).line('failed');
      expect(refused.code).toBe('EMBEDDED_POSTGRES_UNSUPPORTED');
      expect(refused.detail).toContain('user postgres: there is none');
      expect(refused.detail).toContain('user nobody: there is none');
      expect(refused.hint).toContain('STANDBY_DATABASE_URL');
    });

    it('with a full disk it fails in words, and leaves no half a cluster', async () => {
      const dataDir = path.join(place.folder, 'small-disk/data');
      const left = path.join(place.folder, 'left-on-disk');
      const script = `mkdir "$0"; mount -t tmpfs -o size=20m,mode=755 none "$0"; "$@"; ls "$0/data/postgres" > '${left}'`;
      const wrapper = ['unshare', '--mount', 'sh', '-ec', script, path.dirname(dataDir)];
      const starter = app.start(dataDir, { wrapper });
      const refused = await starter.line('failed');
      await starter.ended;
      expect(refused).toMatchObject({
        code: 'EMBEDDED_POSTGRES_FAILED',
        detail: expect.stringMatching(/No space left on device|Check free disk space/),
        hint: expect.stringContaining('Free space'),
      });
      expect(await readFile(left, 'utf8')).toBe('password\n');
    });
  });
});

describe.skipIf(!isRoot)('another user of the machine', () => {
  let place: Place;
  let app: App;
  let dataDir: string;
  let host: string;

  beforeAll(async () => {
    place = await createPlace();
    app = await installApp(place, { programs: 'linked' });
    dataDir = place.dataDir();
    ({ host } = (await app.start(dataDir).line('ready')).connection);
    // In one file, because the other user may be unable to read the repository.
    await build({
      entryPoints: [path.join(import.meta.dirname, '../../node_modules/pg/lib/index.js')],
      outfile: path.join(place.folder, 'pg.cjs'),
      bundle: true,
      platform: 'node',
      external: ['pg-native'],
    });
  });

  afterAll(() => place[Symbol.asyncDispose]());

  /** What becomes of a connection that nobody, or the given user, opens to the server. */
  function connectAs(account: object, role: string, password: string): string {
    const script = `
      const pg = require(${JSON.stringify(path.join(place.folder, 'pg.cjs'))});
      const client = new pg.Client({ host: ${JSON.stringify(host)}, user: '${role}', password: '${password}', database: 'standby' });
      client.connect().then(() => 'connected', (error) => error.code).then(console.log).then(() => process.exit());`;
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], {
      cwd: '/',
      encoding: 'utf8',
      ...account,
    });
    return stdout.trim() || stderr;
  }

  it('cannot read the password or the data', async () => {
    for (const file of ['password', 'server.log', 'cluster', 'cluster/PG_VERSION', 'socket']) {
      expect((await stat(path.join(dataDir, 'postgres', file))).mode & 0o077, file).toBe(0);
    }
  });

  it('cannot reach the socket', () => {
    expect(connectAs(NOBODY, 'standby', 'guess')).toBe('EACCES');
  });

  it('cannot connect where the folder was opened by mistake, as any role', async () => {
    await chmod(host, 0o777);
    await chmod(path.join(host, '.s.PGSQL.5432'), 0o777);
    expect(connectAs(NOBODY, 'standby', 'guess')).toBe('28P01'); // invalid_password
    expect(connectAs(NOBODY, 'postgres', '')).toBe('28000'); // invalid_authorization_specification
    const password = (await readFile(path.join(dataDir, 'postgres/password'), 'utf8')).trim();
    expect(connectAs({}, 'standby', password)).toBe('connected');
  });

  it.runIf(hasPostgresUser)('such as the server’s own cannot do so either', () => {
    const uid = Number(spawnSync('id', ['-u', 'postgres'], { encoding: 'utf8' }).stdout);
    expect(connectAs({ uid }, 'postgres', '')).toBe('28000');
  });

  it('cannot start Standby on the folder', async () => {
    const refused = await app.start(dataDir, NOBODY).line('failed');
    expect(refused.code).toBe('DATA_FOLDER_UNUSABLE');
    expect(refused.detail).toContain(dataDir);
  });
});
