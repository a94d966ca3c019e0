// Agents of a crowd: sessions are opened for them, and handed over when all are claimed, and what they answer is confirmed,
// by statements for many, of which nobody is held up by another one.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AgentId, UserId, WorkspaceId } from '../../../src/base/id.ts';
import { createId } from '../../../src/base/id.ts';
import { hashToken } from '../../../src/base/token.ts';
import { createAgentsTogether } from '../../../src/store/agent-together.ts';
import { confirmAll, type ConfirmArgs } from '../../../src/store/claim-confirm.ts';
import { takePrebuilds } from '../../../src/store/claim-take.ts';
import { createConfirmTogether } from '../../../src/workspaces/confirm-together.ts';
import {
  exchangeBootstrapToken,
  handOverIfClaimed,
  type CallingAgent,
} from '../../../src/workspaces/agent/exchange.ts';
import { openSession } from '../../support/agent-session.ts';
import { takeRequestOf } from '../../support/claim.ts';
import { countStatements, type CountedDatabase } from '../../support/counted-database.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { somebodyWaits } from '../../support/held-turn.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

const CROWD = 12;

let store: TestStore;
let make: Factory;
let database: CountedDatabase;
let ann: UserId;
let pool: TestPool;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
});
afterAll(() => store.close());

beforeEach(async () => {
  const organizationId = await make.organization();
  ann = await make.user({ organizationId });
  pool = await make.pool(await make.template({ organizationId, manifest: { claim: 'instant' } }));
  database = countStatements(store.database);
});

interface Taken {
  readonly claim: ConfirmArgs;
  /** With the session of before the claim. */
  readonly agent: CallingAgent;
}

/** All by one statement, each of one program. */
async function take(count: number): Promise<readonly Taken[]> {
  const agents = createAgentsTogether({ ...store.kit, database: store.database });
  const waiting = new Map<WorkspaceId, CallingAgent>();
  for (const workspaceId of await makeReady(store, make, { pool, count })) {
    await make.agent(workspaceId, { name: 'main', kind: 'program' });
    const named = { workspaceId, name: 'main' };
    const { session } = await openSession(store.kit, store.database, named);
    const found = await agents.findSession(hashToken(session).toString('hex'));
    waiting.set(workspaceId, found!);
  }
  await store.sql(`update agents set lifecycle = 'ready', last_seen_at = standby_now()`);
  await store.advanceClock(1);
  const requests = Array.from({ length: count }, (_, n) => ({
    ...takeRequestOf(store.kit, { pool, userId: ann, name: `w-${n}` }),
    isToProve: true,
  }));
  const taken = await takePrebuilds(store.database, 'oldest', requests);
  return taken.map((one) => {
    const { id: workspaceId, epoch } = one!.workspace;
    const eventId = createId(store.kit);
    return {
      claim: { workspaceId, epoch, versionId: pool.versionId, isLate: false, eventId },
      agent: waiting.get(workspaceId)!,
    };
  });
}

/** As its call does with the session of the claim. */
async function answer(...agents: readonly AgentId[]): Promise<void> {
  await store.sql('update agents set last_seen_at = standby_now() where id = any ($1)', [agents]);
}

/** While somebody else holds the rows that `lock` takes of it. */
async function whileHeld<T>(lock: string, of: WorkspaceId, work: () => Promise<T>): Promise<T> {
  await store.sql('begin');
  try {
    await store.sql(lock, [of]);
    return await work();
  } finally {
    await store.sql('commit');
  }
}

describe('agents that begin together', () => {
  const begin = async (count: number): Promise<readonly WorkspaceId[]> => {
    const ids = await makeReady(store, make, { pool, count });
    await Promise.all(ids.map((id) => make.agent(id, { name: 'main', kind: 'program' })));
    return ids;
  };
  const exchange = () => {
    const deps = {
      ...{ ...store.kit, database },
      agents: createAgentsTogether({ ...store.kit, database }),
    };
    return (workspaceId: WorkspaceId, name = 'main') =>
      exchangeBootstrapToken(deps, { workspaceId, name });
  };
  const liveOf = (workspaces: readonly WorkspaceId[]) =>
    store.sql<{ workspace_id: WorkspaceId; hash: string }>(
      `select workspace_id, encode(hash, 'hex') as hash from agent_sessions
       where ended_at is null and workspace_id = any ($1)`,
      [workspaces],
    );

  it('have their sessions by fewer statements than there are, each its own', async () => {
    const workspaces = await begin(CROWD);
    const open = exchange();
    const opened = await Promise.all(workspaces.map((id) => open(id)));
    expect(database.take().statements.length).toBeLessThan(CROWD / 2);
    const live = await liveOf(workspaces);
    expect(new Map(live.map((row) => [row.workspace_id, row.hash]))).toEqual(
      new Map(workspaces.map((id, n) => [id, hashToken(opened[n]!.session).toString('hex')])),
    );
  });

  it('are told where there is none of the name, and keep nobody from theirs', async () => {
    const [workspaceId, other] = await begin(2);
    const open = exchange();
    const [one, none, another] = await Promise.allSettled([
      ...[open(workspaceId!), open(workspaceId!, 'side'), open(other!)],
    ]);
    expect(none).toMatchObject({ reason: { code: 'AGENT_UNKNOWN' } });
    expect([one, another]).toMatchObject([{ value: { epoch: 0 } }, { value: { epoch: 0 } }]);
  });

  it('have one that is live of several that one asks for at once', async () => {
    const [workspaceId] = await begin(1);
    const open = exchange();
    const opened = await Promise.all(Array.from({ length: 3 }, () => open(workspaceId!)));
    expect(opened.map(({ epoch }) => epoch)).toEqual([0, 0, 0]);
    const [live, ...more] = await liveOf([workspaceId!]);
    expect(more).toEqual([]);
    const hashes = opened.map(({ session }) => hashToken(session).toString('hex'));
    expect(hashes).toContain(live?.hash);
  });
});

describe('sessions of a crowd', () => {
  const handOver = (deps = { ...store.kit, database }) => {
    const agents = createAgentsTogether(deps);
    return (agent: CallingAgent) => handOverIfClaimed({ ...deps, agents }, agent);
  };

  it('are handed over by fewer statements than there are, each with its own', async () => {
    const taken = await take(CROWD);
    const over = handOver();
    const sessions = await Promise.all(
      taken.map(async ({ agent }) => (await over(agent))!.session),
    );
    expect(database.take().statements.length).toBeLessThan(CROWD / 2);
    const live = await store.sql<{ workspace_id: string; hash: string }>(
      `select workspace_id, encode(hash, 'hex') as hash from agent_sessions
       where ended_at is null and epoch = 1 and workspace_id = any ($1)`,
      [taken.map(({ claim }) => claim.workspaceId)],
    );
    expect(new Map(live.map((row) => [row.workspace_id, row.hash]))).toEqual(
      new Map(
        taken.map(({ claim }, n) => [claim.workspaceId, hashToken(sessions[n]!).toString('hex')]),
      ),
    );
  });

  it('are handed over once, to one of two that call with the same', async () => {
    const [first, second] = await take(2);
    const over = handOver();
    const called = [first!, first!, second!].map(({ agent }) => over(agent));
    const epochs = (await Promise.all(called)).map((one) => one?.epoch);
    expect(epochs).toEqual([1, undefined, 1]);
  });

  it('are not held up by one whose workspace somebody holds', async () => {
    const [held, ...others] = await take(4);
    const over = handOver();
    const { late } = await whileHeld(
      'select from workspaces where id = $1 for update',
      held!.claim.workspaceId,
      async () => {
        const waits = over(held!.agent);
        const handed = await Promise.all(others.map(({ agent }) => over(agent)));
        expect(handed.map((one) => one?.epoch)).toEqual([1, 1, 1]);
        await somebodyWaits(store);
        return { late: waits };
      },
    );
    expect((await late)?.epoch).toBe(1);
  });
});

describe('claims of a crowd', () => {
  const outcomes = (claims: readonly ConfirmArgs[]) =>
    confirmAll(store.database, claims).then((all) => all.map((one) => one?.outcome));
  /** With the sessions of their claims. */
  const called = async (taken: readonly Taken[]): Promise<readonly Taken[]> => {
    const agents = createAgentsTogether({ ...store.kit, database: store.database });
    const deps = { ...store.kit, agents };
    for (const { agent } of taken) await handOverIfClaimed(deps, agent);
    return taken;
  };
  const claimsOf = (taken: readonly Taken[]) => taken.map(({ claim }) => claim);

  it('are confirmed each by the agents of its own', async () => {
    const taken = await called(await take(3));
    await answer(taken[1]!.agent.agentId);
    expect(await outcomes(claimsOf(taken))).toEqual(['taken', 'confirmed', 'taken']);
    await answer(taken[0]!.agent.agentId, taken[2]!.agent.agentId);
    expect(await outcomes(claimsOf(taken))).toEqual(['confirmed', 'hit', 'confirmed']);
    const counted = `select sum(amount)::int as amount from counter_steps
      where template_id = $1 and counter = 'prebuilds_claimed'`;
    expect(await store.sql(counted, [pool.templateId])).toEqual([{ amount: 3 }]);
    const told = `select workspace_id from pool_events where pool_id = $1 and kind = 'claimed' order by 1`;
    expect((await store.sql<{ workspace_id: string }>(told, [pool.poolId])).length).toBe(3);
  });

  it('are told how long the agents of each have known, and of no other', async () => {
    const [unheard, told] = await take(2);
    await called([told!]);
    await store.advanceClock(2_000);
    const answers = await confirmAll(store.database, claimsOf([unheard!, told!]));
    expect(answers[0]?.calledMs).toBeNull();
    expect(answers[1]?.calledMs).toBeGreaterThanOrEqual(2_000);
    const late = claimsOf([unheard!, told!]).map((claim) => ({ ...claim, isLate: true }));
    expect(await outcomes(late)).toEqual(['unheard', 'taken']);
  });

  it('are confirmed to one of two that ask about the same', async () => {
    const taken = await called(await take(1));
    await answer(taken[0]!.agent.agentId);
    const { claim } = taken[0]!;
    const again = { ...claim, eventId: createId(store.kit) };
    expect((await outcomes([claim, again])).sort()).toEqual(['confirmed', 'taken']);
  });

  it('are confirmed by fewer statements than there are', async () => {
    const taken = await called(await take(CROWD));
    await answer(...taken.map(({ agent }) => agent.agentId));
    const confirm = createConfirmTogether({ ...store.kit, database });
    const confirmed = await Promise.all(taken.map(({ claim }) => confirm(claim)));
    expect(confirmed.map(({ outcome }) => outcome)).toEqual(taken.map(() => 'confirmed'));
    expect(database.take().statements.length).toBeLessThan(CROWD / 2);
  });

  it('are told of each, though one of them is not there', async () => {
    const taken = await called(await take(2));
    await answer(...taken.map(({ agent }) => agent.agentId));
    const confirm = createConfirmTogether({ ...store.kit, database });
    const [first, second] = claimsOf(taken);
    const gone = { ...first!, epoch: 7 };
    const settled = await Promise.allSettled([gone, first!, second!].map((one) => confirm(one)));
    expect(settled).toMatchObject([
      { reason: { message: expect.stringContaining('has no claim 7') as string } },
      { value: { outcome: 'confirmed' } },
      { value: { outcome: 'confirmed' } },
    ]);
  });

  it('are not held up by one that somebody holds', async () => {
    const taken = await called(await take(4));
    await answer(...taken.map(({ agent }) => agent.agentId));
    const [held, ...others] = claimsOf(taken);
    const confirm = createConfirmTogether({ ...store.kit, database });
    const { late } = await whileHeld(
      'select from claims where workspace_id = $1 for update',
      held!.workspaceId,
      async () => {
        const waits = confirm(held!);
        const confirmed = await Promise.all(others.map((claim) => confirm(claim)));
        expect(confirmed.map(({ outcome }) => outcome)).toEqual(others.map(() => 'confirmed'));
        await somebodyWaits(store);
        return { late: waits };
      },
    );
    expect((await late).outcome).toBe('confirmed');
  });
});
