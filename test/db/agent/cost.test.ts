// What an agent's path asks of the database, from its exchange to the owner that it has taken over. Counts do not
// depend on the machine, so they are held here.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { UserId, WorkspaceId } from '../../../src/base/id.ts';
import { hashToken } from '../../../src/base/token.ts';
import { createAgentsTogether, type AgentsTogether } from '../../../src/store/agent-together.ts';
import { createNoticeBus, type NoticeBus } from '../../../src/store/notice-bus.ts';
import type { Hint } from '../../../src/store/notice-subscribers.ts';
import { serveHeartbeat } from '../../../src/workspaces/agent/heartbeat.ts';
import { createLostLines } from '../../../src/workspaces/agent/lost-lines.ts';
import { claimOne } from '../../support/claim.ts';
import { createAgentHandlers } from '../../../src/api/agent/handlers.ts';
import { CallerGone } from '../../../src/api/http/live-request.ts';
import { openSession } from '../../support/agent-session.ts';
import { countStatements, type CountedDatabase } from '../../support/counted-database.ts';
import { createDeferred } from '../../support/deferred.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { somebodyWaits } from '../../support/held-turn.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { until } from '../../support/until.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let database: CountedDatabase;
let pool: TestPool;
let ann: UserId;
let workspaceId: WorkspaceId;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  database = countStatements(store.database);
});
afterAll(() => store.close());

beforeEach(async () => {
  const organizationId = await make.organization();
  ann = await make.user({ organizationId });
  pool = await make.pool(await make.template({ organizationId, manifest: { claim: 'instant' } }));
  [workspaceId] = (await makeReady(store, make, { pool, count: 1 })) as [WorkspaceId];
  await make.agent(workspaceId, { name: 'main', kind: 'program' });
});

const exchange = () => openSession(store.kit, database, { workspaceId, name: 'main' });

const sessions = (isLive: boolean) =>
  store.sql('select from agent_sessions where workspace_id = $1 and (ended_at is null) = $2', [
    ...[workspaceId, isLive],
  ]);

function countSubscribers() {
  const all = createNoticeBus({ ...store.kit, database: store.database });
  let subscribers = 0;
  const bus: Pick<NoticeBus, 'subscribe'> = {
    subscribe: (...wanted) => {
      const end = all.subscribe(...wanted);
      subscribers += 1;
      return () => {
        subscribers -= 1;
        end();
      };
    },
  };
  return { bus, subscribers: () => subscribers };
}

describe('a line that was lost', () => {
  it('is forgotten with its workspace', async () => {
    const { session } = await exchange();
    const together = createAgentsTogether({ ...store.kit, database: store.database });
    const agent = await together.findSession(hashToken(session).toString('hex'));
    const looked = createDeferred<undefined>();
    const agents: AgentsTogether = {
      ...together,
      findOwner: async (sessionId) => {
        const owner = await together.findOwner(sessionId);
        looked.resolve(undefined);
        return owner;
      },
    };
    const { bus, subscribers } = countSubscribers();
    const deps = { ...store.kit, database: store.database, bus, agents };
    createLostLines(deps).keep(agent!);
    await looked.promise; // the look that it begins with sees the workspace
    expect(subscribers()).toBe(1);
    await store.sql('update workspaces set deleted_at = standby_now() where id = $1', [
      workspaceId,
    ]);
    store.database.announce([{ kind: 'workspace', workspaceId }]);
    await until(() => expect(subscribers()).toBe(0));
  });

  it('is forgotten when its agent calls again', async () => {
    const { session } = await exchange();
    const { bus, subscribers } = countSubscribers();
    const { kit, keyring } = store;
    const agents = createAgentsTogether({ ...kit, database });
    const handlers = createAgentHandlers(
      { ...kit, database, bus, agents, keyring },
      {
        ...{ heartbeatIntervalMs: 20_000, pollMs: 60_000 },
        readShellAgent: () => Promise.reject(new Error('nobody asks for it')),
      },
    );
    const call = (signal: AbortSignal) =>
      handlers.heartbeatAgent({
        ...{ params: undefined, query: {}, headers: undefined, signal },
        caller: { hash: hashToken(session).toString('hex'), workspaceId },
        body: {
          ...({ lifecycle: 'ready', applied_epoch: 0, applied_ok: true } as const),
          ...{ known_epoch: 0, wait_ms: 0, used: false },
        },
      });
    await call(AbortSignal.abort(new CallerGone('it hung up')));
    expect(subscribers()).toBe(1);
    await call(new AbortController().signal);
    expect(subscribers()).toBe(0);
  });
});

describe('an exchange', () => {
  it('is one statement', async () => {
    database.take();
    await exchange();
    expect(database.take()).toEqual({ statements: ['agent_session.replace'], transactions: 0 });
    await exchange();
    expect(await sessions(true)).toHaveLength(1);
    expect(await sessions(false)).toHaveLength(1);
  });

  it('waits for its turn where another of the agent is under way, and its session is the live one', async () => {
    await exchange();
    await store.sql('begin');
    await store.sql('select from agents where workspace_id = $1 for update', [workspaceId]);
    await store.sql(
      `with ended as (
         update agent_sessions set ended_at = standby_now() where workspace_id = $1 returning *
       )
       insert into agent_sessions (id, agent_id, workspace_id, epoch, hash, created_at)
       select gen_random_uuid(), agent_id, workspace_id, epoch, sha256(hash), standby_now()
       from ended`,
      [workspaceId],
    );
    database.take();
    const several = Array.from({ length: 3 }, exchange);
    await somebodyWaits(store);
    await store.sql('commit');
    expect((await Promise.all(several)).map(({ epoch }) => epoch)).toEqual([0, 0, 0]);
    expect(await sessions(true)).toHaveLength(1);
    expect(await sessions(false)).toHaveLength(4);
    expect(database.take().transactions).toBeGreaterThan(0);
  });
});

describe('a heartbeat', () => {
  const begin = async () => {
    const { session } = await exchange();
    const agents = createAgentsTogether({ ...store.kit, database });
    const all = createNoticeBus({ ...store.kit, database });
    let subscribed = 0;
    let waiting = createDeferred<undefined>();
    const bus: Pick<NoticeBus, 'subscribe'> = {
      subscribe: (...wanted) => {
        subscribed += 1;
        // Once while it is heard, and once while it waits.
        if (subscribed === 2) waiting.resolve(undefined);
        return all.subscribe(...wanted);
      },
    };
    const beat = async (lifecycle: 'starting' | 'ready', waitMs: number) => {
      const caller = await agents.findSession(hashToken(session).toString('hex'));
      database.take();
      return serveHeartbeat({ ...store.kit, database, bus, agents }, caller!, {
        ...{ lifecycle, appliedEpoch: 0, knownEpoch: 0, waitMs },
        ...{ pollMs: 60_000, signal: new AbortController().signal },
      });
    };
    await beat('ready', 0);
    subscribed = 0;
    waiting = createDeferred();
    return { beat, isWaiting: () => waiting.promise };
  };

  it('that says nothing new is one statement, however long it waits for a change that does not come', async () => {
    const { beat } = await begin();
    expect(await beat('ready', 30)).toMatchObject({ epoch: 0, owner: null, session: null });
    expect(database.take()).toEqual({ statements: ['agent.hear'], transactions: 0 });
  });

  /** What is asked by one that waits and hears of this. */
  const askedAfter = async (kind: 'owner' | 'workspace'): Promise<readonly string[]> => {
    const { beat, isWaiting } = await begin();
    const answer = beat('ready', 30);
    await isWaiting();
    database.announce([{ kind, workspaceId }]);
    await answer;
    return database.take().statements;
  };

  it('that waits is handed over by one statement when its workspace is claimed', async () => {
    const { beat, isWaiting } = await begin();
    const answer = beat('ready', 30_000);
    await isWaiting();
    const someone = { pool, userId: ann, name: 'demo' };
    expect(await claimOne(store.database, store.kit, someone)).toBe(workspaceId);
    database.announce([{ kind: 'owner', workspaceId }]);
    expect(await answer).toMatchObject({ epoch: 1, session: expect.any(String) as string });
    expect(database.take().statements).toEqual(['agent.hear', 'agent_session.hand_over']);
  });

  it('that waits looks once more when it is told of an owner and there is none', async () => {
    expect(await askedAfter('owner')).toEqual([
      ...['agent.hear', 'agent_session.hand_over', 'agent.find_owners'],
    ]);
  });

  it('that waits does not look when something else of its workspace changes', async () => {
    expect(await askedAfter('workspace')).toEqual(['agent.hear']);
  });

  /** What is asked meanwhile by one that waits, looks so often, and hears this when it begins to wait. */
  const askedWhileWaiting = async (pollMs: number, hint?: Hint): Promise<ReadonlySet<string>> => {
    const { session } = await exchange();
    const agents = createAgentsTogether({ ...store.kit, database });
    const caller = await agents.findSession(hashToken(session).toString('hex'));
    let subscribed = 0;
    const bus: Pick<NoticeBus, 'subscribe'> = {
      subscribe: (_wanted, hear) => {
        subscribed += 1;
        if (hint !== undefined && subscribed === 2) setImmediate(() => hear(hint));
        return () => undefined;
      },
    };
    await store.sql(`update agents set lifecycle = 'ready' where workspace_id = $1`, [workspaceId]);
    database.take();
    await serveHeartbeat({ ...store.kit, database, bus, agents }, caller!, {
      ...{ lifecycle: 'ready', appliedEpoch: 0, knownEpoch: 0, waitMs: 60 },
      ...{ pollMs, signal: new AbortController().signal },
    });
    return new Set(database.take().statements);
  };

  it('that waits only reads when it looks in case a notice was lost', async () => {
    const read = new Set(['agent.hear', 'agent.find_owners']);
    expect(await askedWhileWaiting(5)).toEqual(read);
    // A crowd of those that wait is told so at once.
    expect(await askedWhileWaiting(60_000, { kind: 'resync' })).toEqual(read);
  });

  it('that says something new is two statements', async () => {
    const { beat } = await begin();
    expect(await beat('starting', 30)).toMatchObject({ epoch: 0, owner: null });
    expect(database.take()).toEqual({
      statements: ['agent.hear', 'agent.record_signs_of_life'],
      transactions: 0,
    });
  });
});
