import { describe, expect, it } from 'vitest';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { silentLog, type Log } from '../base/log.ts';
import { endLeftoverProcesses, type AttemptProcesses } from './leftover-processes.ts';

const identity = (pid: number) => ({ pid, startMark: '1', bootId: 'b' });

interface Life {
  readonly pid: number;
  readonly endsBy: NodeJS.Signals | null;
  readonly isNested?: boolean;
}

/** Processes by folder; each ends by what it takes it to end, `null` by nothing. */
function world(lives: Record<string, Life>) {
  const living = new Map(Object.entries(lives));
  const sent: string[] = [];
  const find = (wanted: boolean) =>
    new Map(
      [...living]
        .filter(([, { isNested = false }]) => isNested === wanted)
        .map(([folder, { pid }]) => [folder, [identity(pid)]]),
    );
  const processes: AttemptProcesses = {
    find: () => ({ outside: find(false), nested: find(true) }),
    signal: ({ pid }, signal) => {
      sent.push(`${signal} ${pid}`);
      for (const [folder, life] of living) {
        if (life.pid === pid && life.endsBy === signal) living.delete(folder);
      }
    },
  };
  return { processes, sent };
}

function run(processes: AttemptProcesses) {
  const clock = createManualClock();
  const told: unknown[] = [];
  const log: Log = { ...silentLog, critical: (event, fields) => told.push({ event, ...fields }) };
  const stopping = new AbortController();
  const ended = endLeftoverProcesses({ clock, log, processes }, '/work', stopping.signal);
  return { clock, told, stopping, ended };
}

describe('processes of an earlier life', () => {
  it('are interrupted once, and only what goes on after a minute is killed', async () => {
    const { processes, sent } = world({
      '/work/a': { pid: 1, endsBy: 'SIGINT' },
      '/work/b': { pid: 2, endsBy: 'SIGKILL' },
    });
    const { clock, ended } = run(processes);
    await clock.advance(59_000);
    expect(sent).toEqual(['SIGINT 1', 'SIGINT 2']);
    await clock.advance(2_000);
    expect(await ended).toEqual(new Set());
    expect(sent).toEqual(['SIGINT 1', 'SIGINT 2', 'SIGKILL 2']);
  });

  it('that nothing ends are named with their folder, and hold nobody up', async () => {
    const { processes } = world({
      '/work/a': { pid: 1, endsBy: null },
      '/work/b': { pid: 2, endsBy: 'SIGKILL' },
    });
    const { clock, told, ended } = run(processes);
    await clock.advance(75_000);
    expect(await ended).toEqual(new Set(['/work/a']));
    expect(told).toMatchObject([
      { event: 'leftover.processes_unending', folder: '/work/a', pids: [1] },
    ]);
  });

  it('in namespaces of their own are killed last, and count as ended after a second', async () => {
    const { processes, sent } = world({
      '/work/a': { pid: 1, endsBy: 'SIGKILL', isNested: true },
      '/work/b': { pid: 2, endsBy: 'SIGKILL' },
      '/work/c': { pid: 3, endsBy: null, isNested: true },
    });
    const { clock, told, ended } = run(processes);
    await clock.advance(62_000);
    expect(await ended).toEqual(new Set());
    const interrupted = ['SIGINT 2', 'SIGINT 1', 'SIGINT 3'];
    expect(sent.slice(0, 6)).toEqual([...interrupted, 'SIGKILL 2', 'SIGKILL 1', 'SIGKILL 3']);
    expect(told).toEqual([]);
  });

  it('are waited for no longer when the daemon is stopped', async () => {
    const { stopping, ended } = run(world({ '/work/a': { pid: 1, endsBy: null } }).processes);
    stopping.abort(new Error('stopped'));
    await expect(ended).rejects.toThrow('stopped');
  });
});
