// What happens to control planes, daemons and their PostgreSQL while people claim.
import { readdirSync, readFileSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { layoutOf } from '../../../src/embedded/layout.ts';
import { findRunning } from '../../../src/embedded/postmaster.ts';
import { identifyProcess, isSameProcess } from '../../../src/base/process-identity.ts';
import { expect } from 'vitest';
import type { Fleet } from '../fleet.ts';
import { ask } from '../postgres.ts';
import type { RunningTestServer } from '../test-server.ts';
import { until } from '../until.ts';
import type { People } from './people.ts';

export interface Harmed {
  readonly fleet: Fleet;
  readonly server: RunningTestServer;
  readonly people: People;
  readonly planes: number;
}

export type Harm = (harmed: Harmed, turn: number) => Promise<void>;

/** While a control plane or daemon stands still. One that holds locks is waited for, for half a minute at most. */
const NOTICED_MEANWHILE = 30;

/** By name, in the order in which they happen; with each turn to another control plane or daemon. */
export const HARMS: Readonly<Record<string, Harm>> = {
  'kill a control plane': ({ fleet, planes }, turn) => fleet.restart(turn % planes, 'SIGKILL'),

  'stop a control plane': async ({ fleet, people, planes }, turn) => {
    const { child } = fleet.plane(turn % planes);
    child.kill('SIGSTOP');
    await people.noticed(NOTICED_MEANWHILE);
    child.kill('SIGCONT');
  },

  'kill a daemon': ({ fleet }, turn) => fleet.restartDaemon(turn % fleet.daemons.length, 'SIGKILL'),

  'stop a daemon': async ({ fleet, people }, turn) => {
    const { child } = fleet.daemons[turn % fleet.daemons.length]!;
    child.kill('SIGSTOP');
    await people.noticed(NOTICED_MEANWHILE);
    child.kill('SIGCONT');
  },

  'end every connection to the database': async ({ fleet }) => {
    await ask(fleet.store.connection, END_CONNECTIONS);
  },

  // The postmaster ends all others then, and recovers.
  'kill a backend of the database': async ({ fleet }) => {
    const [pid] = await ask(fleet.store.connection, ONE_BACKEND);
    if (typeof pid === 'number') process.kill(pid, 'SIGKILL');
  },

  'kill everything': async ({ fleet, server, planes }) => {
    const all = [...fleet.daemons, ...Array.from({ length: planes }, (_, n) => fleet.plane(n))];
    const ends = all.map((program) => program.end('SIGKILL'));
    await killServer(server);
    await Promise.all(ends);
    await server.restart();
    for (let plane = 0; plane < planes; plane++) await fleet.restart(plane, 'SIGKILL');
    for (const daemon of fleet.daemons.keys()) await fleet.restartDaemon(daemon, 'SIGKILL');
  },
};

const STANDBYS = `
  from pg_stat_activity
  where datname = current_database() and application_name like 'standby%'`;
const END_CONNECTIONS = `select pg_terminate_backend(pid) ${STANDBYS}`;
const ONE_BACKEND = `select pid ${STANDBYS} order by random() limit 1`;

/** The postmaster and all of its children, none of which may finish what it is at. */
async function killServer({ dataDir }: RunningTestServer): Promise<void> {
  const running = await findRunning(layoutOf(await realpath(dataDir)));
  if (running === undefined) throw new Error(`no PostgreSQL runs in ${dataDir}`);
  const { pid } = running.identity;
  process.kill(pid, 'SIGSTOP');
  const children = childrenOf(pid).map((child) => identifyProcess(child));
  for (const one of [running.identity, ...children]) {
    if (one !== undefined) process.kill(one.pid, 'SIGKILL');
  }
  await until(() => {
    for (const one of children) expect(one !== undefined && isSameProcess(one)).toBe(false);
    expect(isSameProcess(running.identity)).toBe(false);
  });
}

function childrenOf(parent: number): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => parentOf(pid) === parent);
}

function parentOf(pid: number): number | undefined {
  try {
    // After the name, which may hold anything: state, then the parent.
    const [, parent] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
    return Number(parent);
  } catch {
    return undefined; // gone
  }
}
