// What an agent newly says of itself, and what follows from it: by one statement where nobody else has a say in that,
// and otherwise in turn. Counts do not depend on the machine, so they are held here.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AgentId, UserId, WorkspaceId } from '../../../src/base/id.ts';
import { createAgentsTogether, type AgentsTogether } from '../../../src/store/agent-together.ts';
import type { SignOfLife } from '../../../src/store/sign-of-life.ts';
import { serveHeartbeat, type Heartbeat } from '../../../src/workspaces/agent/heartbeat.ts';
import { hashToken } from '../../../src/base/token.ts';
import { openSession } from '../../support/agent-session.ts';
import { claimOne } from '../../support/claim.ts';
import { countStatements, type CountedDatabase } from '../../support/counted-database.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { somebodyWaits } from '../../support/held-turn.ts';
import { createQueue, type TestQueue } from '../../support/queue.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let queue: TestQueue;
let database: CountedDatabase;
let agents: AgentsTogether;
let pool: TestPool;
let ann: UserId;
let workspaceId: WorkspaceId;
let measured: string[];

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  queue = createQueue(store, make);
  database = countStatements(store.database);
  agents = createAgentsTogether({ ...store.kit, database });
});
afterAll(() => store.close());

beforeEach(async () => {
  const organizationId = await make.organization();
  ann = await make.user({ organizationId });
  pool = await make.pool(await make.template({ organizationId, manifest: { claim: 'instant' } }));
  [workspaceId] = (await makeReady(store, make, { pool, count: 1 })) as [WorkspaceId];
});

const agent = (name = 'main'): Promise<AgentId> =>
  make.agent(workspaceId, { name, kind: 'program' });

/** Says so as the holder of a new session, and gives what that asked of the database. */
async function say(said: Partial<Heartbeat>, name = 'main') {
  await store.advanceClock(1);
  const { session } = await openSession(store.kit, store.database, {
    ...{ workspaceId, name },
  });
  const caller = await agents.findSession(hashToken(session).toString('hex'));
  if (caller === undefined) throw new Error('a session that was just opened is good');
  database.take();
  measured = [];
  store.announced.length = 0;
  const meter = { observe: (duration: string) => void measured.push(duration) };
  await serveHeartbeat({ ...queue.deps, database, agents, meter }, caller, {
    ...{ lifecycle: 'ready', appliedEpoch: 0, knownEpoch: 0, waitMs: 0, pollMs: 5 },
    ...{ signal: new AbortController().signal, ...said },
  });
  return database.take();
}

const claim = async (): Promise<void> => {
  await store.sql('update agents set last_seen_at = standby_now()');
  await store.advanceClock(1);
  expect(await claimOne(store.database, store.kit, { pool, userId: ann, name: 'demo' })).toBe(
    workspaceId,
  );
};

const member = async () =>
  (
    await store.sql(
      `select ready, broken, unready_since is not null as lost from pool_members
       where workspace_id = $1`,
      [workspaceId],
    )
  )[0];

const stored = (agentId: AgentId) =>
  store.sql('select lifecycle, applied_epoch, applied_ok from agents where id = $1', [agentId]);

const READY = { ready: true, broken: null, lost: false };
const BY_ITSELF = {
  statements: ['agent.hear', 'agent.record_signs_of_life'],
  transactions: 0,
};

describe('a new sign of life', () => {
  it("of a prebuild's only agent is one statement, with what becomes of the prebuild", async () => {
    await agent();
    expect(await say({ lifecycle: 'starting' })).toEqual(BY_ITSELF);
    expect(await member()).toEqual({ ready: false, broken: null, lost: true });
    const changed = (kind: 'pool' | 'progress') => [
      { kind: 'workspace', workspaceId },
      { kind, poolId: pool.poolId },
    ];
    expect(store.announced).toEqual(changed('pool'));
    expect(await say({})).toEqual(BY_ITSELF);
    expect(await member()).toEqual(READY);
    expect(store.announced).toEqual(changed('progress'));
    expect((await say({})).statements).not.toContain('agent.record_signs_of_life');
    expect(await say({ lifecycle: 'start_error' })).toEqual(BY_ITSELF);
    expect(await member()).toEqual({ ready: false, broken: 'start_error', lost: true });
    await say({});
    expect(await member()).toEqual(READY);
  });

  it('makes nothing ready that does not run, or is broken for good', async () => {
    await agent();
    await store.sql(
      `update pool_members set ready = false, broken = 'gone', unready_since = standby_now()`,
    );
    await say({});
    expect(await member()).toEqual({ ready: false, broken: 'gone', lost: true });
    await say({ lifecycle: 'start_error' });
    expect(await member()).toMatchObject({ broken: 'gone' });
    await store.sql('update pool_members set broken = null, running_since = null');
    await say({});
    expect(await member()).toMatchObject({ ready: false, broken: null });
  });

  it('of who has taken its owner over is one statement, and not told to the pool', async () => {
    const agentId = await agent();
    await say({});
    await claim();
    // As if no build had to hand it over.
    await store.sql(`update builds set stage = 'none' where workspace_id = $1 and number > 1`, [
      workspaceId,
    ]);
    expect(await say({ appliedEpoch: 1, knownEpoch: 1 })).toEqual(BY_ITSELF);
    expect(measured).toEqual(['claim_to_ready']);
    expect(store.announced).toEqual([{ kind: 'workspace', workspaceId }]);
    expect(await stored(agentId)).toEqual([
      { lifecycle: 'ready', applied_epoch: 1, applied_ok: true },
    ]);
    await say({ appliedEpoch: 1, knownEpoch: 1, lifecycle: 'starting' });
    expect(measured).toEqual([]);
  });

  it('of one of several of a prebuild is stored in its turn, and the last one makes it ready', async () => {
    await agent();
    await agent('side');
    expect(await say({})).toEqual({
      statements: [
        ...['agent.hear', 'agent.record_signs_of_life', 'pool_member.lock'],
        ...['agent.record_sign_of_life', 'pool_member.derive_readiness', 'agent.find_owners'],
      ],
      transactions: 1,
    });
    expect(await member()).toMatchObject({ ready: false });
    await say({}, 'side');
    expect(await member()).toEqual(READY);
  });

  it('waits for who has locked the prebuild, and goes by what it is then', async () => {
    await agent();
    await store.sql('begin');
    await store.sql(
      `update pool_members set ready = false, running_since = null where workspace_id = $1`,
      [workspaceId],
    );
    const saying = say({});
    await somebodyWaits(store);
    await store.sql('commit');
    expect((await saying).transactions).toBe(1);
    expect(await member()).toMatchObject({ ready: false, broken: null });
  });

  it('is not lost where its agent says another thing at the same moment', async () => {
    const agentId = await agent();
    await say({});
    await claim();
    await say({ lifecycle: 'starting' });
    const older = signOf(agentId);
    const signs = [older, { ...older, appliedEpoch: 1 }];
    const [first, second] = await Promise.all(signs.map((sign) => agents.recordSignOfLife(sign)));
    expect(first).toMatchObject({ place: 1, poolId: null });
    expect(second).toBeUndefined();
  });
});

const signOf = (agentId: AgentId): SignOfLife => ({
  ...{ agentId, lifecycle: 'ready', appliedEpoch: 0, appliedOk: true },
});
