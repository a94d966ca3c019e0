// The ready check of a template without agents, made once.
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Clock } from '../../../base/clock.ts';
import { signalGroup } from '../../../base/process-group.ts';
import type { ReadyCheck } from '../../../contract/manifest/schema.ts';
import type { WorkspaceLayout } from './layout.ts';
import { planSchema } from './supervisor/plan.ts';

export interface Checked {
  readonly check: ReadyCheck;
  readonly port: number;
  readonly layout: WorkspaceLayout;
}

/** Whether the workspace is ready now; not, once the signal is aborted. Never rejects. */
export async function isReady(
  clock: Clock,
  { check, port, layout }: Checked,
  signal: AbortSignal,
): Promise<boolean> {
  const done = new AbortController();
  const limit = new AbortController();
  const stop = AbortSignal.any([signal, limit.signal]);
  clock.sleep(check.timeout_seconds * 1000, done.signal).then(
    () => limit.abort(),
    () => undefined, // the check ended first
  );
  try {
    if (check.http !== null) return await answers(port, check.http, stop);
    if (check.command !== null) return await succeeds(layout, check.command, stop);
    return await accepts(check.tcp ?? port, stop);
  } catch {
    return false; // not listening, not to be run, or too slow
  } finally {
    done.abort();
  }
}

async function answers(port: number, where: string, signal: AbortSignal): Promise<boolean> {
  const url = new URL(where, `http://127.0.0.1:${port}`);
  const answer = await fetch(url, { signal, redirect: 'manual' });
  await answer.body?.cancel();
  return answer.status >= 200 && answer.status < 400;
}

/** Runs where the workspace's command runs, with its environment. */
async function succeeds(
  { files, plan }: WorkspaceLayout,
  command: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  const { programs } = planSchema.parse(JSON.parse(await readFile(plan, 'utf8')));
  signal.throwIfAborted();
  const [file = '', ...args] = command;
  const child = spawn(file, args, {
    cwd: files,
    env: programs[0]?.environment,
    stdio: 'ignore',
    detached: true,
  });
  // With all that it started: it is made over and over.
  const end = (): void => {
    if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
  };
  signal.addEventListener('abort', end, { once: true });
  return new Promise((resolve) => {
    child.on('error', () => resolve(false));
    child.on('exit', (code) => {
      signal.removeEventListener('abort', end);
      end();
      resolve(code === 0);
    });
  });
}

function accepts(port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, signal });
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
