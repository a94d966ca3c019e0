// Waiting until a workspace is what was asked for.
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { workspaceRoutes } from '../contract/workspace/route.ts';
import type { WorkspaceView } from '../contract/workspace/schema.ts';
import { askUntilSettled, type WaitingOptions } from './ask-again.ts';
import type { Client } from './client.ts';
import { describeState } from './describe-state.ts';

/** Agents that will not become ready by themselves. */
const BROKEN: readonly string[] = ['start_error', 'start_timeout'];

export type Wanted = 'usable' | 'stopped' | 'deleted';

/** Throws BUILD_FAILED when it will not become so by itself. */
export async function waitForWorkspace(
  { client, clock }: { readonly client: Client; readonly clock: Clock },
  { first, wanted }: { readonly first: WorkspaceView; readonly wanted: Wanted },
  options: WaitingOptions<WorkspaceView> = {},
): Promise<WorkspaceView> {
  const { signal } = options;
  const params = { workspace: first.id };
  const isDone = isThere(wanted);
  const workspace = await askUntilSettled(clock, first, {
    ...options,
    isSettled: (seen) => isDone(seen) || hasFailed(seen, wanted),
    ask: async (waitMs) => {
      const query = { wait_ms: waitMs };
      return (await client.call(workspaceRoutes.getWorkspace, { params, query }, { signal })).body;
    },
  });
  if (isDone(workspace)) return workspace;
  throw failureOf(workspace);
}

function isThere(wanted: Wanted): (workspace: WorkspaceView) => boolean {
  return wanted === 'usable' ? ({ usable }) => usable : ({ status }) => status === wanted;
}

function hasFailed({ status, agents }: WorkspaceView, wanted: Wanted): boolean {
  if (wanted !== 'usable') return status === 'failed' || status === 'canceled';
  return (
    !['pending', 'starting', 'running'].includes(status) ||
    agents.some(({ lifecycle }) => BROKEN.includes(lifecycle))
  );
}

function failureOf(workspace: WorkspaceView): AppError {
  const { name, latest_build: build } = workspace;
  return new AppError('BUILD_FAILED', {
    detail: `workspace ${name} is ${describeState(workspace)}`,
    hint: `\`standby workspace logs ${name}\` shows what its build said.`,
    fields: { workspace_id: workspace.id, job_id: build.job_id, error_code: build.error_code },
  });
}
