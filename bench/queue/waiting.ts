// What two hundred daemons that wait for work cost a control plane (the program itself, as it is
// shipped) and its PostgreSQL: connections, and processor time over a minute more than without them.
import { spawn, type ChildProcess } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import type { Kit } from '../../src/base/kit.ts';
import { findPackageRoot } from '../../src/base/package-root.ts';
import { createClient } from '../../src/client/client.ts';
import { createHttpControlPlane } from '../../src/provisioner/control-plane.ts';
import { createDaemon, type Daemon } from '../../src/provisioner/daemon.ts';
import { createNullDriver } from '../../src/provisioner/drivers/null/driver.ts';
import type { BenchServer } from './installation.ts';

const DAEMONS = 200;
const WINDOW_SECONDS = Number(process.env['WINDOW_SECONDS'] ?? 60);
const SETTLE_SECONDS = 10;
const TICKS_PER_SECOND = 100;

export async function measureWaiting(kit: Kit, server: BenchServer): Promise<readonly string[]> {
  const connection = await server.createDatabase('waiting');
  const dataDir = path.join(server.folder, 'control-plane');
  const { host, port, user, password = '', database } = connection;
  const url = `postgresql://${user}:${encodeURIComponent(password)}@/${database}?host=${encodeURIComponent(host)}&port=${port}`;
  const plane = spawn(
    path.join(findPackageRoot(), 'bin/standby'),
    ['server', '--http-port', '0', '--data-dir', dataDir, '--log-level', 'error'],
    { env: { ...process.env, STANDBY_DATABASE_URL: url }, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const daemons: Daemon[] = [];
  const client = new pg.Client(connection);
  try {
    const address = await addressOf(plane);
    const key = (await readFile(path.join(dataDir, 'provisioner.key'), 'utf8')).trim();
    await client.connect();
    await kit.clock.sleep(SETTLE_SECONDS * 1_000);
    const alone = await cpuOver(kit, plane, server);
    const connectionsAlone = await countConnections(client);
    for (let index = 0; index < DAEMONS; index += 1) {
      const daemon = createDaemon(kit, {
        folder: path.join(server.folder, `daemon-${index}`),
        name: `daemon-${index}`,
        version: 'bench',
        tags: {},
        concurrency: 1,
        drainMs: 0,
        controlPlane: createHttpControlPlane(createClient({ url: address, token: key })),
        drivers: [createNullDriver(kit)],
      });
      await daemon.start();
      daemons.push(daemon);
    }
    await kit.clock.sleep(SETTLE_SECONDS * 1_000);
    const waiting = await cpuOver(kit, plane, server);
    const { rows } = await client.query<{ seen: number }>(
      `select count(*)::int as seen
       from daemons
       where last_seen_at > standby_now() - interval '30 seconds'`,
    );
    const connections = await countConnections(client);
    const more = {
      plane: waiting.plane - alone.plane,
      postgres: waiting.postgres - alone.postgres,
    };
    return [
      `${DAEMONS} waiting daemons (${rows[0]?.seen} seen within 30 s): ${connections} database connections, ${connectionsAlone} without them`,
      `processor time over ${WINDOW_SECONDS} s, of a core: control plane ${percent(alone.plane)} alone, ${percent(waiting.plane)} with them; PostgreSQL ${percent(alone.postgres)}, ${percent(waiting.postgres)}`,
      `cost of waiting: ${percent(more.plane + more.postgres)} of a core (control plane ${percent(more.plane)}, PostgreSQL ${percent(more.postgres)})`,
    ];
  } finally {
    await client.end();
    await Promise.all(daemons.map((daemon) => daemon.stop('the bench is over', 5_000)));
    plane.kill('SIGTERM');
    if (plane.exitCode === null) await new Promise((resolve) => plane.once('exit', resolve));
  }
}

async function countConnections(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ connections: number }>(
    `select count(*)::int as connections
     from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid()`,
  );
  return rows[0]?.connections ?? Number.NaN;
}

async function addressOf(plane: ChildProcess): Promise<string> {
  let said = '';
  for await (const chunk of plane.stdout ?? []) {
    said += String(chunk);
    const found = /serves at (\S+)/.exec(said)?.[1];
    if (found !== undefined) return found;
  }
  throw new Error(`the control plane did not start: ${said}`);
}

interface Cpu {
  readonly plane: number;
  readonly postgres: number;
}

/** The share of a core that each used in the window. */
async function cpuOver(kit: Kit, plane: ChildProcess, server: BenchServer): Promise<Cpu> {
  const read = async (): Promise<Cpu> => ({
    plane: await secondsOf(plane.pid ?? 0),
    postgres: await secondsOfFamily(server.pid),
  });
  const before = await read();
  await kit.clock.sleep(WINDOW_SECONDS * 1_000);
  const after = await read();
  return {
    plane: (after.plane - before.plane) / WINDOW_SECONDS,
    postgres: (after.postgres - before.postgres) / WINDOW_SECONDS,
  };
}

/** With what children used that have ended. */
async function secondsOfFamily(parent: number): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const ticks = await Promise.all(
    pids.map(async (pid) => {
      const stat = await statOf(pid);
      if (pid === parent) return ticksOf(stat, [11, 12, 13, 14]);
      return stat[1] === String(parent) ? ticksOf(stat, [11, 12]) : 0;
    }),
  );
  return ticks.reduce((sum, each) => sum + each, 0) / TICKS_PER_SECOND;
}

async function secondsOf(pid: number): Promise<number> {
  return ticksOf(await statOf(pid), [11, 12]) / TICKS_PER_SECOND;
}

/** The fields of /proc/PID/stat from the state on: 1 is the parent, 11 and 12 are ticks used. */
async function statOf(pid: number): Promise<readonly string[]> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function ticksOf(stat: readonly string[], fields: readonly number[]): number {
  return fields.reduce((sum, field) => sum + Number(stat[field] ?? 0), 0);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}
