// Waiting for a workspace, with progress and what its build says.
import { AppError } from '../../base/app-error.ts';
import type { Client } from '../../client/client.ts';
import { jobRoutes } from '../../contract/job/route.ts';
import { workspaceRoutes } from '../../contract/workspace/route.ts';
import type { WorkspaceView } from '../../contract/workspace/schema.ts';
import type { CommandContext } from '../command.ts';
import { showJobLog, type ShownLog } from '../job/show-log.ts';
import { createProgress, type Progress } from '../show/progress.ts';
import { formatSeconds } from '../show/time.ts';
import { describeState } from './describe.ts';
import { insist } from '../session/insist.ts';

/** The server answers as soon as there is an end to tell; on a terminal the seconds are counted. */
const WAIT_MS = 30_000;
const WAIT_ON_TERMINAL_MS = 1_000;
/** At most this often is asked, should the server see an end where this program sees none. */
const LEAST_PAUSE_MS = 100;

/** Agents that will not become ready by themselves. */
const BROKEN: readonly string[] = ['start_error', 'start_timeout'];

/** Waits until the workspace can be used. Throws BUILD_FAILED when it will not become so by itself. */
export function waitUntilUsable(
  context: CommandContext,
  client: Client,
  options: WaitOptions,
): Promise<WorkspaceView> {
  return waitFor(context, client, {
    ...options,
    isDone: ({ usable }) => usable,
    hasFailed: ({ status, agents }) =>
      !['pending', 'starting', 'running'].includes(status) ||
      agents.some(({ lifecycle }) => BROKEN.includes(lifecycle)),
  });
}

/** Waits until the workspace is stopped, or gone. Throws BUILD_FAILED when the build for that failed. */
export function waitUntil(
  wanted: 'stopped' | 'deleted',
  context: CommandContext,
  { client, ...options }: WaitOptions & { readonly client: Client },
): Promise<WorkspaceView> {
  return waitFor(context, client, {
    ...options,
    isDone: ({ status }) => status === wanted,
    hasFailed: ({ status }) => status === 'failed' || status === 'canceled',
  });
}

/** Of builds. */
const UNDER_WAY: readonly string[] = ['pending', 'running', 'canceling'];

export interface WaitOptions {
  readonly workspace: WorkspaceView;
  readonly signal: AbortSignal;
}

interface Goal extends WaitOptions {
  isDone(workspace: WorkspaceView): boolean;
  hasFailed(workspace: WorkspaceView): boolean;
}

async function waitFor(
  context: CommandContext,
  client: Client,
  goal: Goal,
): Promise<WorkspaceView> {
  const progress = createProgress(context);
  const log = showBuildLog(context, client, { workspace: goal.workspace, progress });
  try {
    const workspace = await untilSettled(context, client, { ...goal, progress });
    await log?.finish();
    if (goal.isDone(workspace)) return workspace;
    throw failure(workspace);
  } finally {
    log?.stop();
    progress.clear();
  }
}

/** Waits until it is done or has failed. */
async function untilSettled(
  { kit, io }: CommandContext,
  client: Client,
  { progress, signal, ...goal }: Goal & { readonly progress: Progress },
): Promise<WorkspaceView> {
  const startedMs = kit.clock.monotonicMs();
  const params = { workspace: goal.workspace.id };
  const query = { wait_ms: io.isErrTty ? WAIT_ON_TERMINAL_MS : WAIT_MS };
  let { workspace } = goal;
  while (!goal.isDone(workspace) && !goal.hasFailed(workspace)) {
    const waited = io.isErrTty ? ` (${formatSeconds(kit.clock.monotonicMs() - startedMs)})` : '';
    const asked = { workspace, signal };
    const held = await insist(kit, signal, () => findHoldUp(client, asked));
    progress.say(`${workspace.name} is ${describeState(workspace)}${held}${waited}`);
    const askedMs = kit.clock.monotonicMs();
    const { body } = await insist(kit, signal, () =>
      client.call(workspaceRoutes.getWorkspace, { params, query }, { signal }),
    );
    workspace = body;
    const early = LEAST_PAUSE_MS - (kit.clock.monotonicMs() - askedMs);
    if (early > 0 && !goal.isDone(workspace)) await kit.clock.sleep(early, signal);
  }
  return workspace;
}

/** The log of a build that is under way; undefined where there is none, and where programs read. */
function showBuildLog(
  context: CommandContext,
  client: Client,
  { workspace, progress }: { readonly workspace: WorkspaceView; readonly progress: Progress },
): ShownLog | undefined {
  const { status, job_id: job } = workspace.latest_build;
  if (context.globals.json || !UNDER_WAY.includes(status)) return undefined;
  return showJobLog(context, { client, progress, job });
}

/** Why its build does not begin, where there is a reason: no daemon that could make it, say. */
async function findHoldUp(client: Client, { workspace, signal }: WaitOptions): Promise<string> {
  const { job_id: job, status } = workspace.latest_build;
  if (status !== 'pending') return '';
  const { body } = await client.call(jobRoutes.getJob, { params: { job } }, { signal });
  return body.waiting_reason === null ? '' : `: ${body.waiting_reason}`;
}

function failure(workspace: WorkspaceView): AppError {
  const { name, latest_build: build } = workspace;
  return new AppError('BUILD_FAILED', {
    detail: `workspace ${name} is ${describeState(workspace)}`,
    hint: `\`standby workspace logs ${name}\` shows what its build said.`,
    fields: { workspace_id: workspace.id, job_id: build.job_id, error_code: build.error_code },
  });
}
