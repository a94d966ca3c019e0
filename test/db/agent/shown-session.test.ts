// What is shown as an agent's session: it names its workspace, so that a call can listen before it is looked up, and
// nothing is believed of it until it has been.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAgentAuthentication, createAgentHandlers } from '../../../src/api/agent/handlers.ts';
import type { AgentCaller } from '../../../src/api/handler.ts';
import { createBootstrapTokens } from '../../../src/base/bootstrap-token.ts';
import { createId, type UserId, type WorkspaceId } from '../../../src/base/id.ts';
import { hashToken } from '../../../src/base/token.ts';
import { createNoticeBus } from '../../../src/store/notice-bus.ts';
import { serveHeartbeat, type HeartbeatDeps } from '../../../src/workspaces/agent/heartbeat.ts';
import { openSession } from '../../support/agent-session.ts';
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
let token: string;

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
  await make.agent(workspaceId, { name: 'main', kind: 'program' });
  const named = { workspaceId, name: 'main' };
  token = (await openSession(store.kit, store.database, named)).session;
});

const show = (shown: string): Promise<AgentCaller | undefined> =>
  createAgentAuthentication({
    ...queue.deps.agents,
    bootstrapTokens: createBootstrapTokens(Buffer.alloc(32)),
  }).authenticateAgent(shown);

interface Beat {
  readonly deps?: HeartbeatDeps;
  readonly appliedEpoch?: number;
  readonly knownEpoch?: number;
  readonly waitMs?: number;
}

const beat = (
  caller: AgentCaller,
  { deps = queue.deps, appliedEpoch = 0, knownEpoch = 0, waitMs = 0 }: Beat = {},
) =>
  serveHeartbeat(deps, caller, {
    ...{ lifecycle: 'ready', appliedEpoch, knownEpoch, waitMs, pollMs: 60_000 },
    signal: new AbortController().signal,
  });

const seen = async (): Promise<boolean> =>
  (
    await store.sql('select from agents where workspace_id = $1 and last_seen_at is not null', [
      workspaceId,
    ])
  ).length > 0;

/** By each of the routes that a session is for. */
function callsBy(caller: AgentCaller): readonly (() => Promise<unknown>)[] {
  const handlers = createAgentHandlers(
    { ...queue.deps, keyring: store.keyring },
    {
      ...{ heartbeatIntervalMs: 20_000, pollMs: 5 },
      readShellAgent: () => Promise.reject(new Error('nobody asks for it')),
    },
  );
  const request = {
    caller,
    ...{ params: undefined, query: {}, headers: undefined, body: undefined },
    signal: new AbortController().signal,
  };
  return [
    () => handlers.getAgentManifest(request),
    () => handlers.getAgentValues(request),
    () => beat(caller),
  ];
}

describe('a session', () => {
  it('names its workspace, and is good as a whole', async () => {
    expect(token).toContain(workspaceId);
    const caller = (await show(token))!;
    expect(caller).toEqual({ hash: hashToken(token).toString('hex'), workspaceId });
    expect(await beat(caller)).toMatchObject({ epoch: 0, owner: null, session: null });
  });

  it('that is made up, or of another workspace, opens nothing and says nothing', async () => {
    const secret = token.slice(-43);
    const other = createId<WorkspaceId>(store.kit);
    const shown = [`sbs_${workspaceId}_${'x'.repeat(43)}`, `sbs_${other}_${secret}`];
    for (const one of shown) {
      for (const call of callsBy((await show(one))!)) {
        await expect(call()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
      }
    }
    for (const nameless of [`sbs_${secret}`, `sbs_workspace_${secret}`]) {
      expect(await show(nameless)).toBeUndefined();
    }
    expect(await seen()).toBe(false);
  });

  const opensNothingAfter = async (sql: string): Promise<void> => {
    await store.sql(`update agents set lifecycle = 'ready'`);
    await store.sql(sql);
    for (const call of callsBy((await show(token))!)) {
      await expect(call()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    }
    expect(await seen()).toBe(false);
  };

  it('that has ended opens nothing and says nothing', () =>
    opensNothingAfter('update agent_sessions set ended_at = standby_now()'));

  it('of another epoch opens nothing and says nothing', () =>
    opensNothingAfter('update agent_sessions set epoch = epoch + 1'));

  it('of a workspace that is deleted opens nothing and says nothing', () =>
    opensNothingAfter('update workspaces set deleted_at = standby_now()'));

  it('that comes with an epoch that nothing can count to fails by itself, if at all', async () => {
    const later = { knownEpoch: 3_000_000_000 };
    const [live, madeUp] = [await show(token), await show(`sbs_${workspaceId}_${'x'.repeat(43)}`)];
    const answers = await Promise.allSettled([
      ...[beat(madeUp!, later), beat(live!), beat(live!, later)],
      beat(live!, { appliedEpoch: 2 ** 40 }),
    ]);
    expect(answers).toMatchObject([
      { status: 'rejected', reason: { code: 'UNAUTHENTICATED' } },
      ...Array.from({ length: 3 }, () => ({ status: 'fulfilled', value: { epoch: 0 } })),
    ]);
  });

  it('of an earlier control plane names none, and is good until it ends', async () => {
    const nameless = `sbs_${'y'.repeat(43)}`;
    await store.sql('update agent_sessions set hash = $2 where workspace_id = $1', [
      ...[workspaceId, hashToken(nameless)],
    ]);
    expect(await beat((await show(nameless))!)).toMatchObject({ epoch: 0, session: null });
    expect(await seen()).toBe(true);
  });
});

/** As the heartbeat's, and does this as soon as an agent is heard. */
function depsThatThen(act: () => Promise<unknown>): HeartbeatDeps {
  const { agents } = queue.deps;
  return {
    ...queue.deps,
    bus: createNoticeBus({ ...store.kit, database: store.database }),
    agents: {
      ...agents,
      hear: async (call) => {
        const heard = await agents.hear(call);
        await act();
        return heard;
      },
    },
  };
}

const claim = async (): Promise<WorkspaceId | undefined> => {
  const claimed = await claimOne(store.database, store.kit, { pool, userId: ann, name: 'demo' });
  store.database.announce([{ kind: 'owner', workspaceId }]);
  return claimed;
};

describe('a claim at the moment an agent is heard', () => {
  it('is told at once, before the agent waits', async () => {
    await store.sql(`update agents set lifecycle = 'ready', last_seen_at = standby_now()`);
    const deps = depsThatThen(claim);
    const { epoch, owner } = await beat((await show(token))!, { deps, waitMs: 30_000 });
    expect({ epoch, owner: owner?.id }).toEqual({ epoch: 1, owner: ann });
  });

  it('does not get what has served an owner whom the database does not know', async () => {
    await store.sql(`update agents set lifecycle = 'ready'`);
    const claimed: (WorkspaceId | undefined)[] = [];
    const deps = depsThatThen(async () => claimed.push(await claim()));
    await beat((await show(token))!, { deps, knownEpoch: 1 });
    expect(claimed).toEqual([undefined]);
    expect(await claim()).toBeUndefined();
  });
});
