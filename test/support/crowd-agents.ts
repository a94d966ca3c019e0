// The agents of the prebuilds that a crowd claims (claiming-crowd.ts): most live, and some do not answer claims.
import type { WorkspaceId } from '../../src/base/id.ts';
import type { Manifest } from '../../src/contract/manifest/schema.ts';
import { createNoticeBus } from '../../src/store/notice-bus.ts';
import type { ClaimingCrowd } from './claiming-crowd.ts';
import type { TestPool } from './factory.ts';
import { startLivingAgent, type LivingAgent } from './living-agent.ts';
import { createQueue } from './queue.ts';

const MAIN = {
  ...{ name: 'main', startup: null, on_claim: null },
  ...{ startup_timeout_seconds: 60, on_claim_timeout_seconds: 60 },
};

/** Of templates whose claims agents have to answer; they count as alive however far a test advances the clock. */
export const ANSWERED: Pick<Manifest, 'agents' | 'agent_timeout_seconds'> = {
  agents: [MAIN],
  agent_timeout_seconds: 1_000_000,
};

export interface CrowdAgents extends AsyncDisposable {
  /** Those that answer no claim: they look alive. */
  readonly silent: ReadonlySet<WorkspaceId>;
  /** Of all prebuilds that have been built and have none yet. One in ten is silent once it is ready. */
  start(pool: TestPool): Promise<void>;
}

export async function openCrowdAgents({ store, make }: ClaimingCrowd): Promise<CrowdAgents> {
  const bus = createNoticeBus({ ...store.kit, database: store.open() });
  await bus.start();
  const { deps } = createQueue(store, make, { bus });
  const agents = new Map<WorkspaceId, LivingAgent>();
  const silent = new Set<WorkspaceId>();
  // Whoever is to be silent is so before it is ready: from then on it may be claimed, and would answer.
  const startOne = async (workspaceId: WorkspaceId, n: number): Promise<void> => {
    const isSilent = n % 10 === 5;
    if (isSilent) silent.add(workspaceId);
    const agent = { workspaceId, name: MAIN.name };
    agents.set(workspaceId, await startLivingAgent(deps, agent, { isSilent }));
  };
  return {
    silent,
    start: async (pool) => {
      const built = `
        select w.id
        from workspaces w
        join agents a on a.workspace_id = w.id
        where w.pool_id = $1 and w.epoch = 0 and w.deleted_at is null
        order by w.id`;
      const found = await store.sql<{ id: WorkspaceId }>(built, [pool.poolId]);
      const fresh = found.flatMap(({ id }) => (agents.has(id) ? [] : [id]));
      await Promise.all(fresh.map(startOne));
    },
    [Symbol.asyncDispose]: async () => {
      for (const agent of agents.values()) await agent[Symbol.asyncDispose]();
      await bus.stop('the test is over', 10_000);
    },
  };
}
