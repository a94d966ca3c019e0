// Waiting for a workspace, with progress and what its build says, also while no server answers: what was asked for goes
// on meanwhile.
import { toAppError } from '../../base/app-error.ts';
import type { Client } from '../../client/client.ts';
import { describeState } from '../../client/describe-state.ts';
import { patiently } from '../../client/insist.ts';
import { waitForWorkspace, type Wanted } from '../../client/wait-for-workspace.ts';
import { jobRoutes } from '../../contract/job/route.ts';
import type { WorkspaceView } from '../../contract/workspace/schema.ts';
import type { CommandContext } from '../command.ts';
import { showJobLog, type ShownLog } from '../job/show-log.ts';
import { createProgress, heldBackMs, type Progress } from '../show/progress.ts';
import { formatSeconds } from '../show/time.ts';

export interface WaitOptions {
  readonly client: Client;
  readonly workspace: WorkspaceView;
  readonly signal: AbortSignal;
}

/** Of builds. */
const UNDER_WAY: readonly string[] = ['pending', 'running', 'canceling'];

/** Throws BUILD_FAILED when it will not become so by itself. */
export async function waitUntil(
  wanted: Wanted,
  context: CommandContext,
  { client, workspace: first, signal }: WaitOptions,
): Promise<WorkspaceView> {
  const { kit, io } = context;
  const progress = createProgress(context);
  const log = showBuildLog(context, client, { workspace: first, progress });
  const startedMs = kit.clock.monotonicMs();
  const untilAnswered = patiently(kit, {
    signal,
    onAway: (error) => progress.say(`${first.name} goes on; ${toAppError(error).detail}`),
  });
  const onWaiting = async (workspace: WorkspaceView): Promise<void> => {
    const waited = io.isErrTty ? ` (${formatSeconds(kit.clock.monotonicMs() - startedMs)})` : '';
    const held = await untilAnswered(() => findHoldUp({ client, workspace, signal }));
    progress.say(`${workspace.name} is ${describeState(workspace)}${held}${waited}`);
  };
  try {
    return await waitForWorkspace(
      { client, clock: kit.clock },
      { first, wanted },
      { signal, onWaiting, untilAnswered, heldBackMs: heldBackMs(io) },
    );
  } finally {
    if (!signal.aborted) await log?.finish();
    log?.stop();
    progress.clear();
  }
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
async function findHoldUp({ client, workspace, signal }: WaitOptions): Promise<string> {
  const { job_id: job, status } = workspace.latest_build;
  if (status !== 'pending') return '';
  const { body } = await client.call(jobRoutes.getJob, { params: { job } }, { signal });
  return body.waiting_reason === null ? '' : `: ${body.waiting_reason}`;
}
