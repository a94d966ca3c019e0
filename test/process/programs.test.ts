// The programs by themselves, as services run them: control planes and a daemon on one database.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createKit } from '../../src/base/kit.ts';
import { silentLog } from '../../src/base/log.ts';
import { openDataFolder } from '../../src/main/installation/data-folder.ts';
import { occupyOrRefuse } from '../../src/main/installation/instance.ts';
import { ATTEMPT_MARK } from '../../src/provisioner/driver.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { BIN, buildBin, startProgram, type Program } from '../support/program.ts';

const run = promisify(execFile);
let scratch: string;
let database: TestDatabase;
let running: Program[];

beforeAll(buildBin);

beforeEach(async () => {
  scratch = await mkdtemp(path.join(os.tmpdir(), 'standby-programs-'));
  database = await createTestDatabase({ schema: 'empty' });
  running = [];
});

afterEach(async () => {
  await Promise.all(running.map((program) => program.end('SIGKILL')));
  await run(BIN, ['down', '--data-dir', folder('one')]);
  await database.close();
  await rm(scratch, { recursive: true, force: true });
});

const folder = (name: string): string => path.join(scratch, name);

const start = (
  argv: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Program => {
  const program = startProgram(argv, {
    environment: { STANDBY_DATABASE_URL: database.url, ...environment },
  });
  running.push(program);
  return program;
};

const SERVER = ['server', '--http-port', '0', '--log-level', 'error'];

describe('standby server and standby provisioner', () => {
  it('serve side by side, find each other in one data folder, and end in order', async () => {
    const one = start([...SERVER, '--data-dir', folder('one')]);
    await one.until('Standby serves at http://127.0.0.1:');
    const daemon = start(['provisioner', '--data-dir', folder('one'), '--drivers', 'process,null']);
    await daemon.until('The daemon works for http://127.0.0.1:');
    const two = start([...SERVER, '--data-dir', folder('two')], {
      STANDBY_SECRET_KEY_FILE: path.join(folder('one'), 'secret.key'),
    });
    await two.until('Standby serves at');

    // Asked of the one, built by the daemon of the other.
    const environment = { ...process.env, STANDBY_DATA_DIR: folder('two') };
    await run(BIN, ['template', 'push', 'templates/hello'], { env: environment });
    const { stdout } = await run(BIN, ['create', 'demo', '--template', 'hello', '--json'], {
      env: environment,
    });
    expect(JSON.parse(stdout)).toMatchObject({ workspace: { name: 'demo', status: 'running' } });

    expect(await daemon.end('SIGTERM')).toBe(0);
    expect(await one.end('SIGTERM')).toBe(0);
    expect(await two.end('SIGTERM')).toBe(0);
    expect(one.said()).not.toMatch(/"level":"error"/);
  });

  it('change nothing in a database whose keys their secret key does not open', async () => {
    await start([...SERVER, '--data-dir', folder('one')]).until('Standby serves at');
    const client = new pg.Client(database.url);
    await client.connect();
    try {
      const known = async (): Promise<unknown> => {
        const asked = await client.query(
          'select (select count(*) from tokens), (select count(*) from provisioner_keys) as keys',
        );
        return asked.rows;
      };
      const before = await known();
      const two = start([...SERVER, '--data-dir', folder('two')]);
      await two.until('SECRET_KEY_WRONG');
      expect(await known()).toEqual(before);
    } finally {
      await client.end();
    }
  });

  it('wait for a control plane that is starting in the same data folder', async () => {
    const kit = createKit(silentLog);
    const starting = await occupyOrRefuse(kit, await openDataFolder(folder('one')));
    const asked = ['provisioner', '--data-dir', folder('one'), '--key', 'x', '--drivers', 'null'];
    try {
      const impatient = start(asked);
      await impatient.until(`process ${process.pid} is starting one in ${folder('one')}`);
      expect(await impatient.end('SIGTERM')).toBe(0);
      const daemon = start(asked);
      await daemon.until('is starting one');
      await starting.announce('http://127.0.0.1:1');
      await daemon.until('The daemon works for http://127.0.0.1:1');
    } finally {
      await starting.release();
    }
  });

  it('tell when a copy of the data folder takes the place of the daemon', async () => {
    const up = start(['up', '--http-port', '0', '--data-dir', folder('one'), '--drivers', 'null']);
    const [, url = ''] = /control plane +(http:\S+)/.exec(await up.until('daemon ')) ?? [];
    await cp(path.join(folder('one'), 'provisioner'), path.join(folder('two'), 'provisioner'), {
      recursive: true,
      filter: (file) => !file.endsWith('/lock'),
    });
    const key = path.join(folder('one'), 'provisioner.key');
    start(['provisioner', '--data-dir', folder('two'), '--url', url, '--key-file', key]);
    await up.until('another process has taken the place of the daemon here');
    expect(await up.end('SIGTERM')).toBe(0);
  });

  it('end at once while what an earlier life left running is waited for', async () => {
    const attempt = path.join(folder('one'), 'provisioner', 'work', 'job-1');
    await mkdir(attempt, { recursive: true });
    const stubborn = spawn('sh', ['-c', `trap '' INT; echo up; while :; do sleep 0.1; done`], {
      env: { PATH: process.env['PATH'], [ATTEMPT_MARK]: attempt },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      await once(stubborn.stdout, 'data');
      const named = ['--url', 'http://127.0.0.1:1', '--key', 'x', '--drivers', 'null'];
      const daemon = start(['provisioner', '--data-dir', folder('one'), ...named]);
      await daemon.until('leftover.processes_found');
      expect(await daemon.end('SIGTERM')).toBe(0);
      expect(stubborn.exitCode).toBeNull();
    } finally {
      stubborn.kill('SIGKILL');
    }
  });

  it('say what they need', async () => {
    const asked = async (...argv: readonly string[]): Promise<unknown> => {
      const env = { ...process.env, STANDBY_DATA_DIR: folder('one') };
      return run(BIN, [...argv, '--json'], { env }).catch((error: unknown) =>
        JSON.parse((error as { stderr: string }).stderr.trim().split('\n').at(-1) ?? ''),
      );
    };
    expect(await asked('provisioner')).toMatchObject({
      code: 'CONFIG_INVALID',
      message: `no control plane is named, and none runs in ${folder('one')}`,
    });
    expect(await asked('provisioner', '--url', 'standby.example')).toMatchObject({
      message:
        'the address of the control plane is "standby.example", which is no http or https URL',
    });
    expect(await asked('provisioner', '--url', 'http://127.0.0.1:1')).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/provisioner key cannot be read from .*provisioner\.key/),
    });
    expect(
      await asked('provisioner', '--url', 'http://127.0.0.1:1', '--key', 'x', '--drivers', 'vax'),
    ).toMatchObject({
      message:
        'STANDBY_PROVISIONER_DRIVERS names "vax"; there are docker, null, process, terraform',
    });
    expect(await asked('agent')).toMatchObject({
      code: 'CONFIG_INVALID',
      message: 'STANDBY_AGENT_SCRIPT_DIR is not set',
    });
    const server = start([...SERVER, '--data-dir', folder('one')]);
    await server.until('Standby serves at');
    expect(await asked('server')).toMatchObject({
      code: 'ALREADY_RUNNING',
      message: expect.stringContaining(`process ${server.child.pid} runs a control plane`),
    });
  });
});

describe('standby migrate', () => {
  it('brings a database up to date, once, and can say so before', async () => {
    const migrate = async (...options: readonly string[]): Promise<unknown> => {
      const env = { ...process.env, STANDBY_DATABASE_URL: database.url };
      const argv = ['migrate', '--data-dir', folder('one'), '--json', ...options];
      return JSON.parse((await run(BIN, argv, { env })).stdout) as unknown;
    };
    const checksums = JSON.parse(await readFile('migrations/checksums.json', 'utf8')) as object;
    const all = Object.keys(checksums);
    expect(await migrate('--dry-run')).toEqual({ dry_run: true, migrations: all });
    expect(await migrate()).toEqual({ dry_run: false, migrations: all });
    expect(await migrate('--dry-run')).toEqual({ dry_run: true, migrations: [] });
    expect(await migrate('--restored')).toEqual({
      ...{ dry_run: false, migrations: [] },
      prebuilds: { asked: 0, replaced: 0 },
    });
  });
});
