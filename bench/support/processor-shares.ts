// The processor time of a control plane and of its PostgreSQL, told apart.
import { readdir, readFile } from 'node:fs/promises';
import type pg from 'pg';
import type { Stage } from './bench.ts';

/** Shares of a core. */
export interface ProcessorShares {
  readonly plane: number;
  readonly postgres: number;
}

const TICKS_PER_SECOND = 100;

/** The parent of what serves a connection. */
export async function findPostmaster(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return Number((await statOf(rows[0]?.pid ?? 0))[1]);
}

interface Watched {
  readonly seconds: number;
  /** The control plane's process, and the parent of PostgreSQL's. */
  readonly plane: number;
  readonly postgres: number;
}

/** The share of a core that each used in the window. */
export async function sharesOver(
  { kit, signal }: Stage,
  { seconds, ...pids }: Watched,
): Promise<ProcessorShares> {
  const read = async (): Promise<ProcessorShares> => ({
    plane: await secondsOf(pids.plane),
    postgres: await secondsOfFamily(pids.postgres),
  });
  const before = await read();
  await kit.clock.sleep(seconds * 1_000, signal);
  const after = await read();
  return {
    plane: (after.plane - before.plane) / seconds,
    postgres: (after.postgres - before.postgres) / seconds,
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

export function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}
