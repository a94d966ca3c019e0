// The process driver: a workspace is a folder and a supervised group of processes on this machine.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../../../base/app-error.ts';
import { isUuid } from '../../../base/id.ts';
import { realPath } from '../../../base/real-path.ts';
import { createKeyedMutex } from '../../../base/keyed-mutex.ts';
import type { Driver } from '../../driver.ts';
import { checkCommand } from './check-command.ts';
import { createMachine } from './machine.ts';
import { searchPath } from './plan-workspace.ts';
import { listWorkspaces } from './settle.ts';
import {
  removeWorkspace,
  startWorkspace,
  stopWorkspace,
  undoWorkspace,
  type WorkspaceDeps,
} from './workspace.ts';

export interface ProcessDriverOptions {
  /** The folder that holds the workspaces' folders. */
  readonly folder: string;
}

export function createProcessDriver(deps: WorkspaceDeps, options: ProcessDriverOptions): Driver {
  // A job, a report and a watch may want the same workspace at once.
  const turns = createKeyedMutex();
  const folderOf = (workspaceId: string): string => {
    if (!isUuid(workspaceId)) throw new Error(`${JSON.stringify(workspaceId)} is no workspace id`);
    return path.join(options.folder, workspaceId);
  };
  const machine = createMachine(deps, { folder: options.folder, folderOf, turns });
  return {
    name: 'process',
    tool: `${deps.groups.summary}; ${deps.sandbox.summary}`,
    check: async ({ manifest }, context) => {
      if (manifest.process === null) {
        throw new AppError('TEMPLATE_REFUSED', 'the process driver needs `process: {command: …}`');
      }
      const { command, environment, limits, sandbox } = manifest.process;
      deps.groups.check(limits);
      const enterSandbox = await deps.sandbox.open(sandbox, context.signal);
      await checkCommand(command, {
        enterSandbox,
        folder: realPath(await context.templateFolder()),
        searchPath: environment['PATH'] ?? searchPath(deps.environment),
        trial: { clock: deps.kit.clock, signal: context.signal },
      });
      context.log('info', `command: ${command.join(' ')}`);
    },
    start: (build, context) =>
      turns.run(build.workspace.id, async () => {
        await mkdir(options.folder, { recursive: true, mode: 0o700 });
        context.signal.throwIfAborted();
        const outputs = await startWorkspace(deps, folderOf(build.workspace.id), {
          build,
          context,
        });
        machine.changed();
        return { outputs };
      }),
    stop: (build) =>
      turns.run(build.workspace.id, () => stopWorkspace(deps, folderOf(build.workspace.id))),
    delete: (build) =>
      turns.run(build.workspace.id, () => removeWorkspace(deps, folderOf(build.workspace.id))),
    undo: async (attempt) => {
      for (const { id, record } of await listWorkspaces(options)) {
        if (record === undefined || record === 'unreadable') continue;
        if (record.madeBy.jobId !== attempt.jobId) continue;
        // Whether it is still this attempt's is seen in the turn, not before it.
        await turns.run(id, () => undoWorkspace(deps, folderOf(id), attempt));
      }
    },
    machine,
  };
}
