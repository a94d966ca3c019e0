// One workspace on this machine: made, started, ended and removed, each step recorded before it is
// taken, so that whatever instant the machine stops at, the next start knows what may be there.
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, rename, stat } from 'node:fs/promises';
import { probe } from '../../../base/probe.ts';
import type { Kit } from '../../../base/kit.ts';
import { writePrivateFile } from '../../../base/private-file.ts';
import { identifyProcess, isSameProcess } from '../../../base/process-identity.ts';
import { removeTree } from '../../../base/remove-tree.ts';
import type { Build, DriverContext, Outputs } from '../../driver.ts';
import { layoutOf, type WorkspaceLayout } from './layout.ts';
import { planWorkspace } from './plan-workspace.ts';
import type { Ports } from './port.ts';
import { endProcesses, MARK } from './processes.ts';
import { readRecord, writeRecord, type WorkspaceRecord } from './record.ts';

export interface WorkspaceDeps {
  readonly kit: Kit;
  readonly ports: Ports;
  /** The bundled programs that a workspace needs. */
  readonly programs: { readonly agent: string; readonly supervisor: string };
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The address of the control plane. */
  readonly url: string;
}

/** Brings it to life: made anew, or what was there with what the build now says. */
export async function startWorkspace(
  deps: WorkspaceDeps,
  folder: string,
  given: { readonly build: Build; readonly context: DriverContext },
): Promise<Outputs> {
  const layout = layoutOf(folder);
  const former = await readRecord(layout.record);
  try {
    const record = former ?? (await makeFolder(deps, layout, given));
    const started = await startPrograms(deps, layout, { ...given, record });
    given.context.log('info', `running on port ${started.port}`);
    return { url: `http://127.0.0.1:${started.port}/`, port: String(started.port) };
  } catch (error) {
    // One that was there before stays, ended; a new one leaves nothing.
    if (former === undefined) await removeWorkspace(deps, folder);
    else await stopWorkspace(deps, folder);
    throw error;
  }
}

/** Runs the recorded programs again, in their folder and on their port. */
export async function restartWorkspace(deps: WorkspaceDeps, folder: string): Promise<void> {
  const layout = layoutOf(folder);
  const record = await readRecord(layout.record);
  if (record === undefined) return;
  await endProcesses(deps.kit.clock, folder, record.supervisor);
  await launch(deps, layout, record);
}

export async function stopWorkspace(
  deps: Pick<WorkspaceDeps, 'kit'>,
  folder: string,
): Promise<void> {
  const layout = layoutOf(folder);
  const record = await readRecord(layout.record);
  if (record === undefined) return;
  await endProcesses(deps.kit.clock, folder, record.supervisor);
  await writeRecord(layout.record, { ...record, phase: 'stopped', supervisor: null });
}

/** Takes away every trace; does nothing without one. */
export async function removeWorkspace(
  deps: Pick<WorkspaceDeps, 'kit' | 'ports'>,
  folder: string,
): Promise<void> {
  if ((await stat(folder).catch(() => undefined)) === undefined) return;
  const layout = layoutOf(folder);
  const record = await readRecord(layout.record);
  if (record !== undefined) await writeRecord(layout.record, { ...record, phase: 'deleting' });
  await probe('process.remove.recorded');
  await endProcesses(deps.kit.clock, folder, record?.supervisor ?? null);
  await probe('process.remove.ended');
  await removeTree(folder);
  if (record !== undefined) await deps.ports.release(record.port, folder);
}

export function isAlive({ supervisor }: WorkspaceRecord): boolean {
  return supervisor !== null && isSameProcess(supervisor);
}

async function makeFolder(
  deps: WorkspaceDeps,
  layout: WorkspaceLayout,
  { build, context }: { readonly build: Build; readonly context: DriverContext },
): Promise<WorkspaceRecord> {
  // Without a record it is what a crash left of an earlier try.
  await removeTree(layout.folder);
  await mkdir(layout.folder, { recursive: true, mode: 0o700 });
  const record: WorkspaceRecord = {
    phase: 'starting',
    madeBy: { jobId: build.jobId, attempt: build.attempt },
    complete: false,
    port: await deps.ports.reserve(layout.folder),
    supervisor: null,
    ready: build.template.manifest.agents.length > 0 ? null : build.template.manifest.ready,
  };
  await writeRecord(layout.record, record);
  await probe('process.start.recorded');
  await mkdir(layout.temporary, { mode: 0o700 });
  await rename(await context.templateFolder(), layout.files);
  context.signal.throwIfAborted();
  return record;
}

async function startPrograms(
  deps: WorkspaceDeps,
  layout: WorkspaceLayout,
  given: {
    readonly build: Build;
    readonly context: DriverContext;
    readonly record: WorkspaceRecord;
  },
): Promise<WorkspaceRecord> {
  const { build, context, record } = given;
  const { port } = record;
  const { environment } = deps;
  const plan = planWorkspace(build, {
    layout,
    port,
    agentProgram: deps.programs.agent,
    environment,
  });
  await endProcesses(deps.kit.clock, layout.folder, record.supervisor);
  await writePrivateFile(layout.plan, JSON.stringify(plan));
  await writePrivateFile(layout.agentToken, build.workspace.agent_token);
  context.signal.throwIfAborted();
  return launch(deps, layout, record);
}

async function launch(
  deps: WorkspaceDeps,
  layout: WorkspaceLayout,
  record: WorkspaceRecord,
): Promise<WorkspaceRecord> {
  await writePrivateFile(layout.url, `${deps.url}\n`);
  const log = openSync(layout.supervisorLog, 'a', 0o600);
  // A session of its own and files for streams: nothing ties it to this daemon's life.
  const child = spawn(process.execPath, [deps.programs.supervisor, layout.plan], {
    cwd: layout.folder,
    env: { PATH: deps.environment['PATH'], [MARK]: layout.folder },
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  const failed = new Promise<never>((_resolve, reject) => child.on('error', reject));
  failed.catch(() => undefined); // reported below, where it matters
  child.unref();
  const supervisor = child.pid === undefined ? undefined : identifyProcess(child.pid);
  if (supervisor === undefined) return failed;
  await probe('process.start.spawned');
  const running: WorkspaceRecord = { ...record, phase: 'running', complete: true, supervisor };
  await writeRecord(layout.record, running);
  return running;
}
