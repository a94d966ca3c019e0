// What a program asks Standby for in one call: a workspace, and to give it back.
import { systemClock } from '../base/clock.ts';
import { systemRng } from '../base/random.ts';
import { workspaceRoutes } from '../contract/workspace/route.ts';
import { claimWorkspace, giveBackGains } from './claim.ts';
import type { Claim, ClaimOptions, ClaimRequest, Gains } from './claim.ts';
import { createClient, type CallOptions, type Client, type ClientOptions } from './client.ts';
import { giveBackWorkspace } from './give-back.ts';
import { insist } from './insist.ts';
import { followJobLog, type JobLogEvent } from './job-log.ts';

export interface Standby {
  /** Calls any route of the API. */
  readonly client: Client;
  /**
   * Gives a workspace that can be used. Throws an AppError: with BUILD_FAILED, the workspace stays with its owner and is
   * named by `fields.workspace_id`; after an abort, what was got so far has been given back.
   */
  claim(request: ClaimRequest, options?: ClaimOptions): Promise<Claim>;
  /** Begins the delete of a workspace, and cancels a build that is in the way; one that is gone is no fault. */
  giveBack(workspaceId: string, options?: CallOptions): Promise<void>;
  /**
   * Claims a workspace, has `work` use it, and gives it back, however `work` ends, and also when the claim fails. Throws
   * what `work` throws; what giving back failed with, too, both in an AggregateError if need be.
   */
  withWorkspace<T>(
    request: ClaimRequest,
    work: (claim: Claim) => T | Promise<T>,
    options?: ClaimOptions,
  ): Promise<T>;
  /** What the workspace's latest build says, as it says it, and how it ended. */
  buildLog(
    workspaceId: string,
    options?: Pick<CallOptions, 'signal'>,
  ): AsyncGenerator<JobLogEvent, void, undefined>;
}

export type StandbyOptions = ClientOptions;

export function createStandby(options: StandbyOptions): Standby {
  const client = createClient(options);
  const clock = options.clock ?? systemClock;
  const deps = { client, clock, rng: systemRng };

  return {
    client,
    claim: async (request, claimOptions = {}) => {
      const gains: Gains = {};
      try {
        return await claimWorkspace(deps, { request, gains }, claimOptions);
      } catch (error) {
        if (claimOptions.signal?.aborted === true) {
          await endWith(error, () => giveBackGains(deps, gains));
        }
        throw error;
      }
    },
    giveBack: (workspaceId, callOptions) => giveBackWorkspace(deps, workspaceId, callOptions),
    withWorkspace: async (request, work, claimOptions = {}) => {
      const gains: Gains = {};
      let result;
      try {
        result = await work(await claimWorkspace(deps, { request, gains }, claimOptions));
      } catch (error) {
        return endWith(error, () => giveBackGains(deps, gains));
      }
      await giveBackGains(deps, gains);
      return result;
    },
    async *buildLog(workspaceId, { signal = new AbortController().signal } = {}) {
      const params = { workspace: workspaceId };
      const { body } = await insist(deps, signal, () =>
        client.call(workspaceRoutes.getWorkspace, { params, query: {} }, { signal }),
      );
      yield* followJobLog(deps, body.latest_build.job_id, { signal });
    },
  };
}

/** Throws the error once `end` has ended, with what that failed with. */
async function endWith(error: unknown, end: () => Promise<void>): Promise<never> {
  try {
    await end();
  } catch (alsoFailed) {
    const what = error instanceof Error ? error.message : String(error);
    throw new AggregateError([error, alsoFailed], `${what}; and giving back failed`);
  }
  throw error;
}
