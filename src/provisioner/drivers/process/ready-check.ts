// The ready check of a template without agents, made once.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { signalGroup } from '../../../base/process-group.ts';
import type { ReadyCheck } from '../../../contract/manifest/schema.ts';
import { accepts, answers } from '../../ready/probe.ts';
import { expendable } from './cgroup/expendable.ts';
import type { Groups } from './cgroup/groups.ts';
import { joining } from './cgroup/join.ts';
import type { WorkspaceLayout } from './layout.ts';
import { planSchema } from './supervisor/plan.ts';
import { spawnProgram } from './supervisor/spawn-program.ts';

export interface CheckedWorkspace {
  readonly check: ReadyCheck;
  readonly port: number;
  readonly layout: WorkspaceLayout;
  readonly groups: Groups;
  /** Whether anything may still be started in it. */
  readonly isWanted: () => boolean;
}

/** Whether the workspace is ready now; undefined where nothing may be started in it to tell. */
export async function isReady(
  { check, port, ...workspace }: CheckedWorkspace,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  const host = '127.0.0.1';
  if (check.http !== null) return answers(check.http, { host, port }, signal);
  if (check.command !== null) return succeeds(workspace, check.command, signal);
  return accepts({ host, port: check.tcp ?? port }, signal);
}

/** Runs where the workspace's command runs, with its environment, and in a sandbox as it does. */
async function succeeds(
  { layout, groups, isWanted }: Omit<CheckedWorkspace, 'check' | 'port'>,
  command: readonly string[],
  signal: AbortSignal,
): Promise<boolean | undefined> {
  const { programs, limits } = planSchema.parse(JSON.parse(await readFile(layout.plan, 'utf8')));
  const [program] = programs;
  if (program === undefined) return false;
  signal.throwIfAborted();
  if (!isWanted()) return undefined; // its end may have begun since, and would not know of it
  const joins = groups.joinFiles(path.basename(layout.folder));
  const argv = expendable(limits, [...program.within, ...command]);
  const child = spawnProgram(program, joining(joins, argv), 'ignore');
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
