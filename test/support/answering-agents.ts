// Prebuilds whose agents answer claims, or do not, and a clock for whoever waits for their answers.
import type { Clock } from '../../src/base/clock.ts';
import type { WorkspaceId } from '../../src/base/id.ts';
import type { Factory, TestPool } from './factory.ts';
import { startLivingAgent, type LivingAgent } from './living-agent.ts';
import { DEAF, type TestQueue } from './queue.ts';
import { makeReady } from './ready-prebuild.ts';
import type { TestStore } from './store.ts';

/** Of a manifest: one that is ready as soon as it is heard of. */
export const AGENTS = [
  {
    ...{ name: 'main', startup: null, on_claim: null },
    ...{ startup_timeout_seconds: 60, on_claim_timeout_seconds: 60 },
  },
];
/** For agents that live, however busy the machine is; for those that do not it is over at once. */
export const PATIENT_PROOF = { timeoutMs: 60_000, pollMs: 60_000 };

/** `frozen`: it was told and does not answer; `deaf`: it lives, and waits where no notice is heard for a while. */
export type AgentLife = 'lives' | 'frozen' | 'deaf';

export interface AnsweringAgents {
  /** In the order in which they were made. */
  readonly agents: readonly LivingAgent[];
  /** Prebuilds in the order in which they are given away; all of their agents were heard of just now. */
  ready(pool: TestPool, ...lives: readonly AgentLife[]): Promise<readonly WorkspaceId[]>;
  /** On which no time passes but what is waited for the answers of agents that do not answer. */
  impatientClock(pool: TestPool): Clock;
  /** Ends all that there are. */
  end(): Promise<void>;
}

export function createAnsweringAgents(
  { store, make }: { readonly store: TestStore; readonly make: Factory },
  deps: TestQueue['deps'],
): AnsweringAgents {
  const agents: LivingAgent[] = [];
  const silent = new Map<WorkspaceId, 'frozen' | 'deaf'>();
  const readyOne = async (pool: TestPool, life: AgentLife): Promise<WorkspaceId> => {
    const [workspaceId] = (await makeReady(store, make, { pool, count: 1 })) as [WorkspaceId];
    const agentId = await make.agent(workspaceId, { name: 'main', kind: 'program' });
    await store.sql(`update agents set lifecycle = 'ready' where id = $1`, [agentId]);
    const heard = life === 'deaf' ? { ...deps, bus: DEAF } : deps;
    const agent = await startLivingAgent(heard, { workspaceId, name: 'main' });
    if (life === 'frozen') agent.freeze();
    if (life !== 'lives') silent.set(workspaceId, life);
    agents.push(agent);
    await store.advanceClock(1);
    return workspaceId;
  };
  const waitsInVain = async ({ poolId }: TestPool): Promise<boolean> => {
    const open = await store.sql<{ id: WorkspaceId; is_called: boolean }>(
      `select workspace_id as id, exists (
         select from agent_sessions s
         where s.workspace_id = c.workspace_id and s.epoch = c.epoch and s.ended_at is null
       ) as is_called
       from claims c where outcome = 'taken' and pool_id = $1`,
      [poolId],
    );
    const isVain = ({ id, is_called }: (typeof open)[number]): boolean =>
      silent.get(id) === 'deaf' || (silent.get(id) === 'frozen' && is_called);
    return open.length > 0 && open.every(isVain);
  };
  return {
    agents,
    ready: async (pool, ...lives) => {
      const ids: WorkspaceId[] = [];
      for (const life of lives) ids.push(await readyOne(pool, life));
      return ids;
    },
    impatientClock: (pool) => {
      const { clock } = store.kit;
      let waitedMs = 0;
      return {
        ...clock,
        monotonicMs: () => clock.monotonicMs() + waitedMs,
        sleep: async (ms, signal) => {
          const endMs = clock.monotonicMs() + ms;
          while (!(await waitsInVain(pool))) {
            const leftMs = endMs - clock.monotonicMs();
            if (leftMs <= 0) return;
            await clock.sleep(Math.min(leftMs, 20), signal);
          }
          waitedMs += ms;
        },
      };
    },
    end: async () => {
      for (const agent of agents.splice(0)) await agent[Symbol.asyncDispose]();
    },
  };
}
