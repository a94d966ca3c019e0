// Giving back what a claim got: a workspace, or a place in line.
import { AppError } from '../base/app-error.ts';
import { createBackoff } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import type { Rng } from '../base/random.ts';
import { jobRoutes } from '../contract/job/route.ts';
import { waiterRoutes } from '../contract/waiter/route.ts';
import type { WaiterView } from '../contract/waiter/schema.ts';
import { workspaceRoutes } from '../contract/workspace/route.ts';
import type { CallOptions, Client } from './client.ts';
import { patiently } from './insist.ts';

export interface GiveBackDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly rng: Rng;
}

/** What a build that is in the way gets to end, before the delete is tried again. */
const RETRY = { firstMs: 200, maxMs: 5_000 };

/**
 * Begins the delete of a workspace; ends as soon as it has begun. A build that is in the way is canceled, unless it is
 * somebody's delete. One that is gone already is no fault. A server that is away is waited for, for minutes: what is
 * not given back would be held until its time is over.
 */
export async function giveBackWorkspace(
  deps: GiveBackDeps,
  workspace: string,
  options: CallOptions = {},
): Promise<void> {
  const { client, clock, rng } = deps;
  const untilAnswered = patiently(deps, { signal: options.signal });
  const params = { workspace };
  const backoff = createBackoff(rng, RETRY);
  let canceled: string | undefined;
  for (;;) {
    try {
      await untilAnswered(() => client.call(workspaceRoutes.deleteWorkspace, { params }, options));
      return;
    } catch (error) {
      if (isRefusal(error, 'NOT_FOUND')) return;
      if (!isRefusal(error, 'BUILD_IN_PROGRESS')) throw error;
    }
    const { body } = await untilAnswered(() =>
      client.call(workspaceRoutes.getWorkspace, { params, query: {} }, options),
    );
    const { job_id: job, transition } = body.latest_build;
    if (transition === 'delete') return;
    if (job !== canceled) await untilAnswered(() => cancel(client, job, options));
    canceled = job;
    await clock.sleep(backoff.nextMs(), options.signal);
  }
}

async function cancel(client: Client, job: string, options: CallOptions): Promise<void> {
  try {
    await client.call(jobRoutes.cancelJob, { params: { job }, query: {} }, options);
  } catch (error) {
    // It has just ended, or somebody else began it: then its end is waited for.
    if (!isRefusal(error, 'JOB_ENDED') && !isRefusal(error, 'FORBIDDEN')) throw error;
  }
}

/** Leaves the line; one that was served at this very moment gives its workspace back. */
export async function leaveLine(deps: GiveBackDeps, { id }: WaiterView): Promise<void> {
  const { client } = deps;
  const untilAnswered = patiently(deps, {});
  const params = { waiter: id };
  try {
    await untilAnswered(() => client.call(waiterRoutes.cancelWaiter, { params }));
  } catch (error) {
    if (!isRefusal(error, 'WAIT_OVER')) throw error;
    const { body } = await untilAnswered(() =>
      client.call(waiterRoutes.getWaiter, { params, query: {} }),
    );
    if (body.workspace_id !== null) await giveBackWorkspace(deps, body.workspace_id);
  }
}

function isRefusal(error: unknown, code: AppError['code']): boolean {
  return error instanceof AppError && error.code === code;
}
