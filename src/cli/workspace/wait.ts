// Waiting for a workspace, with progress.
import { AppError } from '../../base/app-error.ts';
import type { Client } from '../../client/client.ts';
import { jobRoutes } from '../../contract/job/route.ts';
import { workspaceRoutes } from '../../contract/workspace/route.ts';
import type { WorkspaceView } from '../../contract/workspace/schema.ts';
import type { CommandContext } from '../command.ts';
import { createProgress } from '../show/progress.ts';
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

/** Waits until the workspace is gone. Throws BUILD_FAILED when its deletion failed. */
export function waitUntilDeleted(
  context: CommandContext,
  client: Client,
  options: WaitOptions,
): Promise<WorkspaceView> {
  return waitFor(context, client, {
    ...options,
    isDone: ({ status }) => status === 'deleted',
    hasFailed: ({ status }) => status === 'failed' || status === 'canceled',
  });
}

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
  const { kit, io } = context;
  const { signal } = goal;
  const progress = createProgress(context);
  const startedMs = kit.clock.monotonicMs();
  const params = { workspace: goal.workspace.id };
  const query = { wait_ms: io.isErrTty ? WAIT_ON_TERMINAL_MS : WAIT_MS };
  let workspace = goal.workspace;
  try {
    while (!goal.isDone(workspace)) {
      if (goal.hasFailed(workspace)) throw failure(workspace);
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
  } finally {
    progress.clear();
  }
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
