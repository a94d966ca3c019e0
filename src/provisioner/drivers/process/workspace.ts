// One workspace on this machine: made, started, ended and removed, each step recorded before it is
// taken, so that whatever instant the machine stops at, the next start knows what may be there.
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../../../base/app-error.ts';
import { failpoint } from '../../../base/failpoint.ts';
import type { Kit } from '../../../base/kit.ts';
import { writePrivateFile } from '../../../base/private-file.ts';
import { isSameProcess } from '../../../base/process-identity.ts';
import { removeTree } from '../../../base/remove-tree.ts';
import type { AttemptName, Build, DriverContext, Outputs } from '../../driver.ts';
import { isUndoable } from '../../undoable.ts';
import { awaitJoined } from './cgroup/await-joined.ts';
import type { Groups } from './cgroup/groups.ts';
import { joining } from './cgroup/join.ts';
import { agentFolder, layoutOf, type WorkspaceLayout } from './layout.ts';
import { layOver } from './lay-over.ts';
import { planWorkspace } from './plan-workspace.ts';
import { isPortFree, type Ports } from './port.ts';
import { endProcesses, MARK, removeGroup, type EndDeps } from './processes.ts';
import { enterAnew, type Sandbox } from './sandbox/sandbox.ts';
import { planSchema, type Plan } from './supervisor/plan.ts';
import { readRecord, writeRecord, type WorkspaceRecord } from './record.ts';

export interface WorkspaceDeps {
  readonly kit: Kit;
  readonly ports: Ports;
  readonly groups: Groups;
  readonly sandbox: Sandbox;
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
    const record =
      former === undefined
        ? await makeFolder(deps, layout, given)
        : await adopt(deps, layout, { ...given, former });
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

/** Runs the recorded programs of one that should run and does not, in their folder and on their port. */
export async function restartWorkspace(deps: WorkspaceDeps, folder: string): Promise<void> {
  const layout = layoutOf(folder);
  const record = await readRecord(layout.record);
  // A build may have stopped or started it since somebody wanted this.
  if (record?.phase !== 'running' || isAlive(record)) return;
  const plan = await enterAnew(deps.sandbox, await readPlan(layout));
  await endProcesses(endDeps(deps), folder, record.supervisor);
  await writePrivateFile(layout.plan, JSON.stringify(plan));
  await launch(deps, layout, record);
}

async function readPlan(layout: WorkspaceLayout): Promise<Plan> {
  return planSchema.parse(JSON.parse(await readFile(layout.plan, 'utf8')));
}

export async function stopWorkspace(
  deps: Pick<WorkspaceDeps, 'kit' | 'groups'>,
  folder: string,
): Promise<void> {
  const layout = layoutOf(folder);
  const record = await readRecord(layout.record);
  if (record === undefined) return;
  await endProcesses(endDeps(deps), folder, record.supervisor);
  await writeRecord(layout.record, { ...record, phase: 'stopped', supervisor: null });
}

/**
 * Takes away every trace, and needs nothing of it to be whole: the folder may be gone while processes
 * live, and the record may be anything.
 */
export async function removeWorkspace(
  deps: Pick<WorkspaceDeps, 'kit' | 'groups' | 'ports'>,
  folder: string,
): Promise<void> {
  const layout = layoutOf(folder);
  const record = await readRecord(layout.record).catch(() => undefined);
  if (record !== undefined) {
    // A disk may be full of what is to be removed: without a record it is taken for half made.
    await writeRecord(layout.record, { ...record, phase: 'deleting' }).catch(() =>
      rm(layout.record, { force: true }),
    );
  }
  await failpoint('process.remove.recorded');
  await endProcesses(endDeps(deps), folder, record?.supervisor ?? null);
  await failpoint('process.remove.ended');
  await removeGroup(endDeps(deps), folder);
  await removeTree(folder);
  if (record !== undefined) await deps.ports.release(record.port, folder);
}

/** Takes it away if it is the attempt's to undo. */
export async function undoWorkspace(
  deps: Pick<WorkspaceDeps, 'kit' | 'groups' | 'ports'>,
  folder: string,
  attempt: AttemptName,
): Promise<void> {
  // One that cannot be read tells nobody's attempt: what is there waits for the workspace's own delete.
  const record = await readRecord(layoutOf(folder).record).catch(() => undefined);
  if (record === undefined) return;
  const { madeBy, startedBy = madeBy } = record;
  if (isUndoable({ madeBy, startedBy }, attempt)) await removeWorkspace(deps, folder);
}

export function endDeps({ kit, groups }: Pick<WorkspaceDeps, 'kit' | 'groups'>): EndDeps {
  return { clock: kit.clock, groups };
}

export function isAlive({ supervisor }: WorkspaceRecord): boolean {
  return supervisor !== null && isSameProcess(supervisor);
}

/** Before anything else is done: from here on no other attempt's undo may take it away. */
async function adopt(
  deps: WorkspaceDeps,
  layout: WorkspaceLayout,
  {
    former,
    build,
    context,
  }: {
    readonly former: WorkspaceRecord;
    readonly build: Build;
    readonly context: DriverContext;
  },
): Promise<WorkspaceRecord> {
  const { jobId, attempt } = build;
  const { version_id: versionId } = build.template;
  const isSame = (former.versionId ?? versionId) === versionId;
  const record = {
    ...former,
    startedBy: { jobId, attempt },
    // Cut off half way, the files are no version's, and are laid over again.
    versionId: isSame ? versionId : '',
  };
  await writeRecord(layout.record, record);
  if (isSame) return record;
  await endProcesses(endDeps(deps), layout.folder, record.supervisor);
  await layOver(await context.templateFolder(), layout.files);
  const updated = { ...record, versionId, ...readinessOf(build) };
  await writeRecord(layout.record, updated);
  return updated;
}

/** Agents that stand for the workspace, or the check of a template without any. */
function readinessOf({ template }: Build): Pick<WorkspaceRecord, 'ready' | 'hasAgents'> {
  const { agents, ready } = template.manifest;
  const hasAgents = agents.length > 0;
  return { ready: hasAgents ? null : ready, hasAgents };
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
    versionId: build.template.version_id,
    ...readinessOf(build),
  };
  await writeRecord(layout.record, record);
  await failpoint('process.start.recorded');
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
  const { agents, process: settings } = build.template.manifest;
  const plan = planWorkspace(build, {
    layout,
    port,
    enterSandbox: await deps.sandbox.open(settings?.sandbox ?? 'none', context.signal),
    agentProgram: deps.programs.agent,
    environment,
  });
  await endProcesses(endDeps(deps), layout.folder, record.supervisor);
  await writePrivateFile(layout.plan, JSON.stringify(plan));
  for (const { name } of agents) {
    await mkdir(agentFolder(layout, name), { recursive: true, mode: 0o700 });
  }
  await writePrivateFile(layout.agentToken, build.workspace.agent_token);
  context.signal.throwIfAborted();
  return launch(deps, layout, record);
}

async function launch(
  deps: WorkspaceDeps,
  layout: WorkspaceLayout,
  record: WorkspaceRecord,
): Promise<WorkspaceRecord> {
  await checkPort(deps, layout, record);
  await tellUrl(deps, layout);
  const { limits } = await readPlan(layout);
  const groups = deps.groups.prepare(path.basename(layout.folder), limits);
  const log = openSync(layout.supervisorLog, 'a', 0o600);
  // A session of its own and files for streams: nothing ties it to this daemon's life.
  const [file = '', ...args] = joining(groups, [
    ...[process.execPath, deps.programs.supervisor],
    layout.plan,
  ]);
  const child = spawn(file, args, {
    cwd: layout.folder,
    env: { PATH: deps.environment['PATH'], [MARK]: layout.folder },
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  const failed = new Promise<never>((_resolve, reject) => child.on('error', reject));
  failed.catch(() => undefined); // reported below, where it matters
  child.unref();
  if (child.pid === undefined) return failed;
  const supervisor = await awaitJoined(deps.kit.clock, child.pid);
  if (supervisor === undefined) {
    throw new AppError('BUILD_FAILED', `the supervisor ended at once: see ${layout.supervisorLog}`);
  }
  await failpoint('process.start.spawned');
  const running: WorkspaceRecord = { ...record, phase: 'running', complete: true, supervisor };
  await writeRecord(layout.record, running);
  return running;
}

/** The control plane may listen elsewhere now. */
export async function tellUrl(
  { url }: Pick<WorkspaceDeps, 'url'>,
  layout: WorkspaceLayout,
): Promise<void> {
  const known = await readFile(layout.url, 'utf8').catch(() => undefined);
  if (known === `${url}\n`) return;
  await mkdir(layout.told, { recursive: true, mode: 0o700 });
  await writePrivateFile(layout.url, `${url}\n`);
}

/** Somebody else on its port would be taken for the workspace: by its ready check, and by its owner. */
async function checkPort(
  { ports }: WorkspaceDeps,
  { folder }: WorkspaceLayout,
  { port }: WorkspaceRecord,
): Promise<void> {
  if ((await ports.hold(port, folder)) === 'held' && (await isPortFree(port))) return;
  throw new AppError('BUILD_FAILED', {
    detail: `port ${port}, which this workspace keeps, is used by another program`,
    hint: `Find it with \`ss -ltnp sport = :${port}\` and end it, or delete the workspace.`,
  });
}
