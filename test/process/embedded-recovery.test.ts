// What the next start makes of a server, or of a parent, that was killed.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import pg from 'pg';
import { createKit } from '../../src/base/kit.ts';
import { silentLog } from '../../src/base/log.ts';
import { identifyProcess, isSameProcess } from '../../src/base/process-identity.ts';
import { findCluster } from '../../src/embedded/cluster.ts';
import { keepEmbeddedPostgres } from '../../src/embedded/keep.ts';
import { layoutOf } from '../../src/embedded/layout.ts';
import { findRunning } from '../../src/embedded/postmaster.ts';
import { startEmbeddedPostgres, stopEmbeddedPostgres } from '../../src/embedded/server.ts';
import {
  createPlace,
  installApp,
  type App,
  type Place,
  type Starter,
} from '../support/embedded-app.ts';
import { ask } from '../support/postgres.ts';

const kit = createKit(silentLog);
// Only processes are killed here, never the machine; waiting for the disk would prove nothing.
const settings = { fsync: 'off' };

describe('after a kill', () => {
  let place: Place;
  let app: App;
  let dataDir: string;
  let starter: Starter;

  beforeAll(async () => {
    place = await createPlace();
    app = await installApp(place, { programs: 'linked' });
    dataDir = place.dataDir();
  });

  beforeEach(async () => {
    starter = app.start(dataDir);
    const { connection } = await starter.line('ready');
    await ask(connection, 'create table if not exists marks (); insert into marks default values');
  });

  afterEach(async () => {
    const server = await startEmbeddedPostgres(kit, { dataDir, settings });
    expect(await ask(server.connection, 'select count(*) > 0 from marks')).toEqual([true]);
    expect(
      await ask(server.connection, `select sum(checksum_failures) from pg_stat_database`),
    ).toEqual(['0']);
    await server.stop();
    await starter.kill();
  });

  afterAll(() => place[Symbol.asyncDispose]());

  async function postmasterPid(): Promise<number> {
    return (await findRunning(layoutOf(dataDir)))!.identity.pid;
  }

  /** SIGKILL, and seen dead; its sessions may live on for a moment. */
  async function killServer(): Promise<void> {
    const identity = identifyProcess(await postmasterPid())!;
    process.kill(identity.pid, 'SIGKILL');
    await expect.poll(() => isSameProcess(identity)).toBe(false);
  }

  it('of the parent, the server is adopted', async () => {
    const pid = await postmasterPid();
    await starter.kill();
    const server = await startEmbeddedPostgres(kit, { dataDir, settings });
    expect(server.outcome).toBe('adopted');
    expect(await postmasterPid()).toBe(pid);
  });

  it('of the terminal’s, it is out of reach: it leads a process group of its own', async () => {
    const pid = await postmasterPid();
    const { stdout } = spawnSync('ps', ['-o', 'pgid=', '-p', String(pid)], { encoding: 'utf8' });
    expect(Number(stdout)).toBe(pid);
  });

  it('of the server, it is started again and recovers', async () => {
    await killServer();
    const server = await startEmbeddedPostgres(kit, { dataDir, settings });
    expect(server.outcome).toBe('started');
  });

  it('of the server and the parent, it is started again and recovers', async () => {
    await starter.kill();
    await killServer();
    const server = await startEmbeddedPostgres(kit, { dataDir, settings });
    expect(server.outcome).toBe('started');
  });

  it('of the server while a session is in the middle of a query, it waits for that query', async () => {
    const { connection } = await starter.line('ready');
    const client = new pg.Client(connection);
    client.on('error', () => undefined); // it is cut off with its server
    await client.connect();
    // Busy rather than waiting: such a session does not notice that its server is gone.
    const busy = client.query('select count(*) from generate_series(1, 6000000)');
    busy.catch(() => undefined);
    await expect
      .poll(() =>
        ask(
          connection,
          `select count(*) > 0 from pg_stat_activity where query like '%6000000%' and state = 'active' and pid <> pg_backend_pid()`,
        ),
      )
      .toEqual([true]);
    await killServer();
    const retries: string[] = [];
    const server = await startEmbeddedPostgres(kit, {
      dataDir,
      settings,
      onProgress: (step) => {
        if (step.kind === 'retrying') retries.push(step.because);
      },
    });
    expect(server.outcome).toBe('started');
    expect(retries.join()).toContain('pre-existing shared memory block');
  });

  it('of the server, a zombie that nobody reaps does not keep it from starting', async () => {
    const pid = await postmasterPid();
    starter.child.kill('SIGSTOP'); // its parent, who would reap it
    await killServer();
    expect(() => process.kill(pid, 0)).not.toThrow();
    const server = await startEmbeddedPostgres(kit, { dataDir, settings });
    expect(server.outcome).toBe('started');
  });

  it('of the server, another program with its pid is not taken for it, and is left alone', async () => {
    await killServer();
    const { ownerUid } = (await findCluster(layoutOf(dataDir)))!;
    const other = spawn('sleep', ['60'], process.getuid!() === 0 ? { uid: ownerUid } : {});
    await once(other, 'spawn');
    try {
      for (const file of ['cluster/postmaster.pid', 'socket/.s.PGSQL.5432.lock']) {
        const lock = path.join(dataDir, 'postgres', file);
        const [, ...rest] = (await readFile(lock, 'utf8')).split('\n');
        await writeFile(lock, [other.pid, ...rest].join('\n'));
      }
      const server = await startEmbeddedPostgres(kit, { dataDir, settings });
      expect(server.outcome).toBe('started');
      await server.stop();
      expect(identifyProcess(other.pid!)).toBeDefined();
    } finally {
      other.kill('SIGKILL');
    }
  });

  it('waits for a server that recovers as long as it takes, and says so', async () => {
    const pidFile = path.join(dataDir, 'postgres/cluster/postmaster.pid');
    const ready = await readFile(pidFile, 'utf8');
    await writeFile(pidFile, ready.replace('ready   ', 'starting'));
    const waits: number[] = [];
    const start = startEmbeddedPostgres(kit, {
      dataDir,
      settings,
      onProgress: (step) => {
        if (step.kind !== 'waiting') return;
        waits.push(step.waitedMs);
        void writeFile(pidFile, ready);
      },
    });
    expect((await start).outcome).toBe('adopted');
    expect(waits.length).toBeGreaterThan(0);
  });

  it('never starts a second server beside one whose process cannot be seen from here', async () => {
    // As from another container with the same folder: the pid in the file is nobody's here.
    const pidFile = path.join(dataDir, 'postgres/cluster/postmaster.pid');
    const whole = await readFile(pidFile, 'utf8');
    await writeFile(pidFile, whole.replace(/^\d+/, '4194303'));
    await expect(startEmbeddedPostgres(kit, { dataDir, settings })).rejects.toMatchObject({
      code: 'DATA_FOLDER_UNUSABLE',
      detail: expect.stringContaining('no process of this machine or container'),
    });
    await writeFile(pidFile, whole);
  });
});

describe('a kept server', () => {
  it('comes back by itself, under the same address, until it is stopped', async () => {
    await using place = await createPlace();
    const dataDir = place.dataDir();
    const server = await keepEmbeddedPostgres(kit, { dataDir, settings });
    await ask(server.connection, 'create table kept ()');
    for (const signal of ['SIGKILL', 'SIGINT'] as const) {
      const killed = (await findRunning(layoutOf(dataDir)))!.identity;
      process.kill(killed.pid, signal);
      await expect.poll(() => isSameProcess(killed)).toBe(false);
      await expect
        .poll(() => ask(server.connection, 'select 1 from kept').catch(() => 'away'))
        .toEqual([]);
      expect((await findRunning(layoutOf(dataDir)))!.identity).not.toEqual(killed);
    }
    expect(await server.stop()).toBe('stopped');
    expect(await stopEmbeddedPostgres(kit, dataDir)).toBe('not_running');
  });
});

describe('a first start that was killed', () => {
  let place: Place;
  let app: App;

  beforeAll(async () => {
    place = await createPlace();
    app = await installApp(place, { programs: 'linked' });
  });

  afterAll(() => place[Symbol.asyncDispose]());

  it('while it made the cluster leaves nothing behind that the next one keeps', async () => {
    const dataDir = place.dataDir();
    const root = path.join(dataDir, 'postgres');
    const starter = app.start(dataDir);
    await starter.line('creating');
    await expect
      .poll(async () => {
        const scratch = (await readdir(root)).find((name) => name.startsWith('new-'));
        return scratch === undefined ? [] : readdir(path.join(root, scratch)).catch(() => []);
      })
      .toContain('PG_VERSION');
    await starter.kill();
    expect(await readdir(root)).toContainEqual(expect.stringMatching(/^new-/));
    const server = await startEmbeddedPostgres(kit, { dataDir, settings });
    expect(server.outcome).toBe('created');
    expect((await readdir(root)).sort()).toEqual(['cluster', 'password', 'server.log', 'socket']);
  });
});
