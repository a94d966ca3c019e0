// Agents' sessions over a claim: who is handed the next one, and who is told of the owner.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createBootstrapTokens } from '../../../src/base/bootstrap-token.ts';
import type { UserId, WorkspaceId } from '../../../src/base/id.ts';
import { createAgentAuthentication } from '../../../src/api/agent/handlers.ts';
import type { AgentCaller } from '../../../src/api/handler.ts';
import type { AgentHeartbeatAnswer } from '../../../src/contract/agent/protocol.ts';
import { exchangeBootstrapToken } from '../../../src/workspaces/agent/exchange.ts';
import { serveHeartbeat } from '../../../src/workspaces/agent/heartbeat.ts';
import { claimOne } from '../../support/claim.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { createQueue, type TestQueue } from '../../support/queue.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let queue: TestQueue;
let pool: TestPool;
let ann: UserId;
let workspaceId: WorkspaceId;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  queue = createQueue(store, make);
});
afterAll(() => store.close());

beforeEach(async () => {
  const organizationId = await make.organization();
  ann = await make.user({ organizationId });
  pool = await make.pool(await make.template({ organizationId, manifest: { claim: 'instant' } }));
  [workspaceId] = (await makeReady(store, make, { pool, count: 1 })) as [WorkspaceId];
  const agentId = await make.agent(workspaceId, { name: 'main', kind: 'program' });
  await store.sql(
    `update agents set lifecycle = 'ready', last_seen_at = standby_now() where id = $1`,
    [agentId],
  );
});

const authentication = () =>
  createAgentAuthentication({
    database: store.database,
    bootstrapTokens: createBootstrapTokens(Buffer.alloc(32)),
  });

/** The caller that the token stands for; undefined when it opens nothing. */
const callerOf = (token: string): Promise<AgentCaller | undefined> =>
  authentication().authenticateAgent(token);

/** A millisecond passes between two exchanges: of two in the same one neither session counts. */
async function exchange(): Promise<AgentCaller> {
  await store.advanceClock(1);
  const { session } = await exchangeBootstrapToken(store.kit, store.database, {
    workspaceId,
    name: 'main',
  });
  const caller = await callerOf(session);
  if (caller === undefined) throw new Error('a session that was just opened is good');
  return caller;
}

const beat = (caller: AgentCaller, waitMs: number): Promise<AgentHeartbeatAnswer> =>
  serveHeartbeat(queue.deps, caller, {
    ...{ lifecycle: 'ready', appliedEpoch: 0, knownEpoch: 0, waitMs, pollMs: 5 },
    signal: new AbortController().signal,
  });

const claim = async (): Promise<void> => {
  await store.advanceClock(1);
  expect(await claimOne(store.database, store.kit, { pool, userId: ann, name: 'demo' })).toBe(
    workspaceId,
  );
};

describe('a session that waits while its workspace is claimed', () => {
  it('is told of the owner and handed the next one, and is worth nothing any more', async () => {
    const caller = await exchange();
    const waiting = beat(caller, 20_000);
    await claim();
    const { epoch, owner, session } = await waiting;
    expect({ epoch, owner: owner?.id }).toEqual({ epoch: 1, owner: ann });
    expect(await callerOf(session ?? '')).toMatchObject({ agentId: caller.agentId, epoch: 1 });
    await expect(beat(caller, 0)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('is told nothing when an exchange had replaced it', async () => {
    const stolen = await exchange();
    const waiting = beat(stolen, 20_000);
    const refused = expect(waiting).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await exchange();
    await claim();
    await refused;
    expect(
      await store.sql('select from agent_sessions where workspace_id = $1 and ended_at is null', [
        workspaceId,
      ]),
    ).toEqual([]);
  });

  it('is handed the next one once, however many requests wait', async () => {
    const caller = await exchange();
    const waiting = [beat(caller, 20_000), beat(caller, 20_000)];
    await claim();
    const ended = await Promise.allSettled(waiting);
    const handed = ended.flatMap((one) => (one.status === 'fulfilled' ? [one.value.session] : []));
    expect(handed).toHaveLength(1);
    expect(await callerOf(handed[0] ?? '')).toMatchObject({ epoch: 1 });
  });
});

describe('a session of before the claim', () => {
  it('opens nothing, and the bootstrap token opens one of the new epoch', async () => {
    const before = await exchange();
    await claim();
    expect(
      await store.sql('select from agent_sessions where id = $1 and ended_at is null', [
        before.sessionId,
      ]),
    ).toEqual([]);
    expect(await exchange()).toMatchObject({ epoch: 1 });
  });
});

describe('an agent that has served an owner whom the database does not know', () => {
  it.each([
    ['has taken over', { appliedEpoch: 1, knownEpoch: 0 }],
    ['was told of', { appliedEpoch: 0, knownEpoch: 1 }],
  ])('whom it %s, takes its workspace out of what can be claimed', async (_how, epochs) => {
    const caller = await exchange();
    await serveHeartbeat(queue.deps, caller, {
      ...{ lifecycle: 'ready', ...epochs, waitMs: 0, pollMs: 5 },
      signal: new AbortController().signal,
    });
    const someone = { pool, userId: ann, name: 'demo' };
    expect(await claimOne(store.database, store.kit, someone)).toBeUndefined();
    expect(store.announced).toContainEqual({ kind: 'pool', poolId: pool.poolId });
    await beat(caller, 0);
    expect(await claimOne(store.database, store.kit, someone)).toBeUndefined();
  });
});
