// The ready check of a template without agents, made once.
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { signalGroup } from '../../../base/process-group.ts';
import type { ReadyCheck } from '../../../contract/manifest/schema.ts';
import { accepts, answers } from '../../ready/probe.ts';
import type { WorkspaceLayout } from './layout.ts';
import { planSchema } from './supervisor/plan.ts';

export interface CheckedWorkspace {
  readonly check: ReadyCheck;
  readonly port: number;
  readonly layout: WorkspaceLayout;
}

/** Whether the workspace is ready now. */
export async function isReady(
  { check, port, layout }: CheckedWorkspace,
  signal: AbortSignal,
): Promise<boolean> {
  const host = '127.0.0.1';
  if (check.http !== null) return answers(check.http, { host, port }, signal);
  if (check.command !== null) return succeeds(layout, check.command, signal);
  return accepts({ host, port: check.tcp ?? port }, signal);
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
