// Agents' sessions over a claim: who is handed the next one, and who is told of the owner.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { UserId, WorkspaceId } from '../../../src/base/id.ts';
import { hashToken } from '../../../src/base/token.ts';
import type { AgentHeartbeatAnswer } from '../../../src/contract/agent/protocol.ts';
import { serveHeartbeat, type Heartbeat } from '../../../src/workspaces/agent/heartbeat.ts';
import type { AgentSessionRow } from '../../../src/store/agent-session.ts';
import { markClaimForgotten, markMembersGone } from '../../../src/store/live-pool/member.ts';
import { openSession } from '../../support/agent-session.ts';
import { createBuilder } from '../../support/builder.ts';
import { claimOne } from '../../support/claim.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { createQueue, type TestQueue } from '../../support/queue.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { reconcileNow } from '../../support/reconcile.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

const AGENT = {
  ...{ name: 'main', startup: null, on_claim: null },
  ...{ startup_timeout_seconds: 60, on_claim_timeout_seconds: 60 },
};

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

/** The session that the token stands for; undefined when it opens nothing. */
const callerOf = (token: string): Promise<AgentSessionRow | undefined> =>
  queue.deps.agents.findSession(hashToken(token).toString('hex'));

/** A millisecond passes between two exchanges: of two in the same one neither session counts. */
async function exchange(): Promise<AgentSessionRow> {
  await store.advanceClock(1);
  const { session } = await openSession(store.kit, store.database, {
    workspaceId,
    name: 'main',
  });
  const caller = await callerOf(session);
  if (caller === undefined) throw new Error('a session that was just opened is good');
  return caller;
}

const beat = (caller: AgentSessionRow, waitMs: number): Promise<AgentHeartbeatAnswer> =>
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

describe('an agent whose hand-over failed', () => {
  it('is told so, and is not ready, when it has lost what it knew and says that it is', async () => {
    await claim();
    const caller = await exchange();
    const tell = (said: Pick<Heartbeat, 'lifecycle' | 'appliedEpoch' | 'appliedOk'>) =>
      serveHeartbeat(queue.deps, caller, {
        ...{ knownEpoch: -1, waitMs: 0, pollMs: 5, signal: new AbortController().signal },
        ...said,
      });
    const stored = () =>
      store.sql('select lifecycle, applied_ok from agents where id = $1', [caller.agentId]);
    expect(
      await tell({ lifecycle: 'start_error', appliedEpoch: 1, appliedOk: false }),
    ).toMatchObject({ applied_epoch: 1, applied_ok: false });
    for (const lifecycle of ['starting', 'ready'] as const) {
      const answer = await tell({ lifecycle, appliedEpoch: 0, appliedOk: true });
      expect(answer).toMatchObject({ applied_epoch: 1, applied_ok: false });
    }
    expect(await stored()).toEqual([{ lifecycle: 'start_error', applied_ok: false }]);
    // Nor does one that does not know that this is told, and says again that it took over.
    await tell({ lifecycle: 'ready', appliedEpoch: 1 });
    expect(await stored()).toEqual([{ lifecycle: 'start_error', applied_ok: false }]);
  });
});

describe('an agent that tells of use', () => {
  const tell = (caller: AgentSessionRow, used: boolean) =>
    serveHeartbeat(queue.deps, caller, {
      ...{ lifecycle: 'ready', appliedEpoch: caller.epoch, knownEpoch: caller.epoch, used },
      ...{ waitMs: 0, pollMs: 5, signal: new AbortController().signal },
    });
  const wasUsed = async (): Promise<boolean> => {
    const used = `select from workspaces
      where id = $1 and last_used_at > standby_now() - interval '1 hour'`;
    return (await store.sql(used, [workspaceId])).length === 1;
  };

  it("has its owner's workspace count as used, and says nothing of a prebuild", async () => {
    const unclaimed = await exchange();
    await store.advanceClock(2 * 3_600_000);
    await tell(unclaimed, true);
    expect(await wasUsed()).toBe(false);
    await store.sql('update agents set last_seen_at = standby_now()');
    await claim();
    const owned = await exchange();
    await store.advanceClock(2 * 3_600_000);
    await tell(owned, false);
    expect(await wasUsed()).toBe(false);
    await tell(owned, true);
    expect(await wasUsed()).toBe(true);
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

  it('does not have its pool build without brakes', async () => {
    const { organizationId } = pool;
    const template = await make.template({ organizationId, manifest: { agents: [AGENT] } });
    pool = await make.pool(template, { desired: 1 });
    const builder = createBuilder(store);
    /** Reconciles, builds, and has every agent that is new say what its folder remembers. */
    const passAndSpeak = async (ms: number): Promise<void> => {
      await reconcileNow(store, pool.poolId);
      await builder.buildAll();
      const members = await store.sql<{ id: WorkspaceId }>(
        `select workspace_id as id from pool_members
         where pool_id = $1 and running_since is not null and broken is null`,
        [pool.poolId],
      );
      for (const { id } of members) {
        workspaceId = id;
        await serveHeartbeat(queue.deps, await exchange(), {
          ...{ lifecycle: 'ready', appliedEpoch: 0, knownEpoch: 99, waitMs: 0, pollMs: 5 },
          signal: new AbortController().signal,
        });
      }
      await store.advanceClock(ms);
    };
    const made = async () =>
      (await store.sql('select from workspaces where pool_id = $1', [pool.poolId])).length;
    for (let pass = 0; pass < 20; pass++) await passAndSpeak(1_000);
    expect(await made()).toBe(1);
    // Three in a row are the hard limit.
    for (let pass = 0; pass < 12; pass++) await passAndSpeak(60_000);
    expect(await made()).toBe(3);
    expect(
      await store.sql(
        `select kind from pool_events where pool_id = $1 and kind = 'hard_limit_reached'`,
        [pool.poolId],
      ),
    ).toHaveLength(1);
  });

  it('stays so when its processes are said to be gone, and the other way round', async () => {
    const broken = () =>
      store.sql('select broken from pool_members where workspace_id = $1', [workspaceId]);
    await store.sql(`update workspaces set machine_id = 'machine' where id = $1`, [workspaceId]);
    const daemon = await queue.daemon();
    const gone = { ...daemon, workspaceIds: [workspaceId] };
    await markClaimForgotten.run(store.database, { workspaceId });
    await markMembersGone.run(store.database, gone);
    expect(await broken()).toEqual([{ broken: 'claim_forgotten' }]);
    await store.sql('update pool_members set broken = null where workspace_id = $1', [workspaceId]);
    await markMembersGone.run(store.database, gone);
    await markClaimForgotten.run(store.database, { workspaceId });
    expect(await broken()).toEqual([{ broken: 'gone' }]);
  });
});
