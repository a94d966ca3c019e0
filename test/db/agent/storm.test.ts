// All agents of a control plane that comes back, at once: what that costs is counted, and each owner is told once.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAgentAuthentication } from '../../../src/api/agent/handlers.ts';
import { AppError } from '../../../src/base/app-error.ts';
import { createBootstrapTokens } from '../../../src/base/bootstrap-token.ts';
import type { UserId, WorkspaceId } from '../../../src/base/id.ts';
import type { AgentHeartbeatAnswer } from '../../../src/contract/agent/protocol.ts';
import { createAgentsTogether } from '../../../src/store/agent-together.ts';
import { serveHeartbeat } from '../../../src/workspaces/agent/heartbeat.ts';
import { openSession } from '../../support/agent-session.ts';
import { claimOne } from '../../support/claim.ts';
import { countStatements } from '../../support/counted-database.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { createQueue, type TestQueue } from '../../support/queue.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

const MANY = 500;
const CLAIMED = 20;

interface Agent {
  readonly workspaceId: WorkspaceId;
  /** What it has on its disk. */
  appliedEpoch: number;
  knownEpoch: number;
  session: string;
}

let store: TestStore;
let make: Factory;
let queue: TestQueue;
let pool: TestPool;
let ann: UserId;
let agents: readonly Agent[];

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  queue = createQueue(store, make);
  const organizationId = await make.organization();
  ann = await make.user({ organizationId });
  pool = await make.pool(await make.template({ organizationId, manifest: { claim: 'instant' } }));
  const ids = await makeReady(store, make, { pool, count: MANY });
  await store.sql(
    `insert into agents
       (id, workspace_id, name, kind, lifecycle, last_seen_at, timeout_seconds, created_at)
     select gen_random_uuid(), workspace_id, 'main', 'program', 'ready', standby_now(), 60,
       standby_now()
     from pool_members
     where pool_id = $1`,
    [pool.poolId],
  );
  agents = ids.map((workspaceId) => ({
    ...{ workspaceId, appliedEpoch: 0, knownEpoch: 0, session: '' },
  }));
  for (const agent of agents) await exchange(agent);
}, 120_000);
afterAll(() => store.close());

async function exchange(agent: Agent): Promise<void> {
  const { session } = await openSession(store.kit, store.database, {
    ...{ workspaceId: agent.workspaceId, name: 'main' },
  });
  agent.session = session;
}

/** A control plane that has just begun: it remembers nothing. */
function controlPlane() {
  const database = countStatements(store.database);
  const together = createAgentsTogether({ ...store.kit, database });
  const bootstrapTokens = createBootstrapTokens(Buffer.alloc(32));
  const authentication = createAgentAuthentication({ ...together, bootstrapTokens });
  /** Undefined: it has no session that is good. */
  const beat = async (
    agent: Agent,
    wait = { waitMs: 0, pollMs: 5 },
  ): Promise<AgentHeartbeatAnswer | undefined> => {
    const caller = await authentication.authenticateAgent(agent.session);
    if (caller === undefined) return undefined;
    const answer = await serveHeartbeat({ ...queue.deps, database, agents: together }, caller, {
      ...{ ...wait, lifecycle: 'ready', signal: new AbortController().signal },
      ...{ appliedEpoch: agent.appliedEpoch, knownEpoch: agent.knownEpoch },
    }).catch((error: unknown) => {
      if (error instanceof AppError && error.code === 'UNAUTHENTICATED') return undefined;
      throw error;
    });
    if (answer === undefined) return undefined;
    agent.knownEpoch = answer.epoch;
    if (answer.session !== null) agent.session = answer.session;
    return answer;
  };
  return { database, beat };
}

describe('a control plane that is back', () => {
  it('hears of all its agents with a few statements, and writes down that it did', async () => {
    const { database, beat } = controlPlane();
    await store.advanceClock(30_000);
    const answers = await Promise.all(agents.map((agent) => beat(agent)));
    expect(answers.filter((answer) => answer?.epoch === 0 && answer.owner === null)).toHaveLength(
      MANY,
    );
    const { statements, transactions } = database.take();
    expect(new Set(statements)).toEqual(new Set(['agent.hear']));
    expect(transactions).toBe(0);
    // A hundred at a time.
    expect(statements.length).toBeLessThan(MANY / 20);
    const seen = await store.sql(
      `select from agents where last_seen_at > standby_now() - interval '20 s'`,
    );
    expect(seen).toHaveLength(MANY);
  });

  it('looks for all that wait, again and again, with a few statements', async () => {
    const { database, beat } = controlPlane();
    await Promise.all(agents.map((agent) => beat(agent, { waitMs: 1_500, pollMs: 1_000 })));
    const looks = database.take().statements.filter((name) => name === 'agent.find_owners');
    // Each has looked at a time of its own choice; those of a moment went together.
    expect(looks.length).toBeLessThan(MANY / 5);
    expect(looks.length).toBeGreaterThan(MANY / 100);
  });

  it('tells each new owner once to agents that were away meanwhile, whatever they lost', async () => {
    await store.advanceClock(1);
    for (let n = 0; n < CLAIMED; n++) {
      await claimOne(store.database, store.kit, { pool, userId: ann, name: `demo-${n}` });
    }
    const handedOver: WorkspaceId[] = [];
    /** As agents do: they exchange where they have to, and take over whom they have not. */
    const comeBack = async ({ beat }: ReturnType<typeof controlPlane>): Promise<void> => {
      await Promise.all(
        agents.map(async (agent) => {
          let answer = await beat(agent);
          if (answer === undefined) {
            await exchange(agent);
            answer = await beat(agent);
          }
          if (answer === undefined || answer.owner === null) return;
          if (answer.epoch <= Math.max(agent.appliedEpoch, answer.applied_epoch)) return;
          handedOver.push(agent.workspaceId);
          agent.appliedEpoch = answer.epoch;
          await beat(agent);
        }),
      );
    };
    await comeBack(controlPlane());
    expect(handedOver).toHaveLength(CLAIMED);
    await comeBack(controlPlane());
    // Their disks are new, and their sessions with them.
    for (const agent of agents)
      Object.assign(agent, { appliedEpoch: 0, knownEpoch: 0, session: '' });
    await store.advanceClock(1);
    await comeBack(controlPlane());
    expect(handedOver).toHaveLength(CLAIMED);
    expect(new Set(handedOver).size).toBe(CLAIMED);
  });
});
