// Proof at hand-over for those who have waited: what a turn of the line took for them and has agents is theirs once
// these have answered. Nobody waits here under a lock: the turn was committed before.
import type { WorkspaceId } from '../../base/id.ts';
import { createService, type Service, type ServiceScope } from '../../base/service.ts';
import type { RowOf } from '../../store/column.ts';
import { listLeftTakings } from '../../store/waiter-end.ts';
import { createConfirmTogether } from '../confirm-together.ts';
import type { ProveDeps } from '../order.ts';
import { longestProofMs, proveClaim, type UnprovenClaim } from '../prove-claim.ts';
import { takeBack } from '../settle-claims.ts';
import type { HandedOut } from './serve-waiters.ts';

/**
 * What is left to do once a turn of the line was committed. False: somebody may be in line again, since agents
 * did not answer. Never throws: what could not be asked is asked again by `resume`.
 */
export async function proveServed(
  deps: ProveDeps,
  handedOut: readonly HandedOut[],
): Promise<boolean> {
  const proven = await Promise.all(
    handedOut.map(async (one) => {
      if (one.kind === 'unproven') return proveOne(deps, one.claim);
      deps.meter.observe('wait_duration', one.waitedMs);
      return true;
    }),
  );
  return proven.every(Boolean);
}

async function proveOne(deps: ProveDeps, unproven: UnprovenClaim): Promise<boolean> {
  const { claim, versionId } = unproven;
  try {
    if ((await proveClaim(deps, unproven)) !== 'void') return true;
    // Whoever it was taken for may have found it, and use it.
    await takeBack(deps, { ...claim, versionId });
    return false;
  } catch (error) {
    deps.log.warn('waiter.not_proven', { ...claim, error });
    return true;
  }
}

/** Proves what others have left: who took it has died, or could not reach the database. */
async function proveLeft(
  deps: ProveDeps,
  { needsBuild, versionId, ...claim }: RowOf<typeof listLeftTakings.columns>,
): Promise<void> {
  if (!needsBuild) {
    await proveOne(deps, { order: undefined, claim, versionId, isResumed: true });
    return;
  }
  try {
    // What is still to be built was known to who took it alone.
    await takeBack(deps, { ...claim, versionId });
  } catch (error) {
    deps.log.warn('waiter.not_proven', { ...claim, error });
  }
}

export interface LineProver extends Service {
  /** Does not wait for it. */
  prove(handedOut: readonly HandedOut[]): void;
  /** Begins with what nobody proves any more; of many that do so for the same one is first. */
  resume(): Promise<void>;
}

/** Proves what the turns of pools took. Its stop waits for the proofs that were begun. */
export function createLineProver(given: Omit<ProveDeps, 'confirmTogether'>): LineProver {
  const deps: ProveDeps = { ...given, confirmTogether: createConfirmTogether(given) };
  let started: ServiceScope | undefined;
  const resumed = new Set<WorkspaceId>();
  const service = createService(deps.clock, {
    name: 'line-prover',
    start: (scope) => {
      started = scope;
      return Promise.resolve();
    },
  });
  return {
    ...service,
    prove: (handedOut) => {
      if (handedOut.length === 0) return;
      started?.background(proveServed(deps, handedOut).then(() => undefined));
    },
    resume: async () => {
      const afterMs = longestProofMs(deps.proof);
      for (const left of await listLeftTakings.all(deps.database, { afterMs })) {
        const { workspaceId } = left;
        if (started === undefined || started.signal.aborted || resumed.has(workspaceId)) continue;
        resumed.add(workspaceId);
        started.background(proveLeft(deps, left).finally(() => resumed.delete(workspaceId)));
      }
    },
  };
}
