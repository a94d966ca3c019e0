// What agents say at the same moment as others say or do something: nothing of it is lost, and nothing counted wrongly.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hashToken } from '../../../src/base/token.ts';
import type { AgentId, UserId, WorkspaceId } from '../../../src/base/id.ts';
import { createAgentsTogether, type AgentsTogether } from '../../../src/store/agent-together.ts';
import { recordSignsOfLife } from '../../../src/store/sign-of-life.ts';
import type { AgentSessionRow } from '../../../src/store/agent-session.ts';
import { serveHeartbeat, type Heartbeat } from '../../../src/workspaces/agent/heartbeat.ts';
import { openSession } from '../../support/agent-session.ts';
import { claimOne } from '../../support/claim.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { somebodyWaits } from '../../support/held-turn.ts';
import { createQueue, type TestQueue } from '../../support/queue.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let queue: TestQueue;
let agents: AgentsTogether;
let pool: TestPool;
let ann: UserId;
let workspaceId: WorkspaceId;
let measured: string[];

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  queue = createQueue(store, make);
  agents = createAgentsTogether({ ...store.kit, database: store.database });
});
afterAll(() => store.close());

beforeEach(async () => {
  const organizationId = await make.organization();
  ann = await make.user({ organizationId });
  pool = await make.pool(await make.template({ organizationId, manifest: { claim: 'instant' } }));
  [workspaceId] = (await makeReady(store, make, { pool, count: 1 })) as [WorkspaceId];
  measured = [];
});

const agent = (name: string): Promise<AgentId> =>
  make.agent(workspaceId, { name, kind: 'program' });

/** With a new session. */
async function callerOf(name: string): Promise<AgentSessionRow> {
  await store.advanceClock(1);
  const { session } = await openSession(store.kit, store.database, {
    ...{ workspaceId, name },
  });
  const caller = await agents.findSession(hashToken(session).toString('hex'));
  if (caller === undefined) throw new Error('a session that was just opened is good');
  return caller;
}

async function beat(caller: AgentSessionRow, said: Partial<Heartbeat>): Promise<void> {
  const meter = { observe: (duration: string) => void measured.push(duration) };
  await serveHeartbeat({ ...queue.deps, database: store.database, agents, meter }, caller, {
    ...{ lifecycle: 'ready', appliedEpoch: 0, knownEpoch: 1, waitMs: 0, pollMs: 5 },
    ...{ signal: new AbortController().signal, ...said },
  });
}

/** Claims a workspace of these programs, and gives them as they call next. */
async function claimOf(...names: readonly string[]): Promise<readonly AgentSessionRow[]> {
  for (const name of names) await agent(name);
  for (const name of names) await beat(await callerOf(name), { knownEpoch: 0 });
  await store.sql('update agents set last_seen_at = standby_now()');
  await store.advanceClock(1);
  expect(await claimOne(store.database, store.kit, { pool, userId: ann, name: 'demo' })).toBe(
    workspaceId,
  );
  // As if no build had to hand it over.
  await store.sql(`update builds set stage = 'none' where workspace_id = $1 and number > 1`, [
    workspaceId,
  ]);
  const callers: AgentSessionRow[] = [];
  for (const name of names) callers.push(await callerOf(name));
  return callers;
}

describe('two programs that take their owner over at once', () => {
  it('complete the claim, once', async () => {
    const callers = await claimOf('main', 'side');
    await Promise.all(callers.map((caller) => beat(caller, { appliedEpoch: 1 })));
    expect(measured).toEqual(['claim_to_ready']);
  });

  it('complete it with what their owner gave, too, and nothing of that is left', async () => {
    const callers = await claimOf('main', 'side');
    await store.sql(
      `insert into owner_values (workspace_id, epoch, created_at) values ($1, 1, standby_now())`,
      [workspaceId],
    );
    await Promise.all(callers.map((caller) => beat(caller, { appliedEpoch: 1 })));
    expect(measured).toEqual(['claim_to_ready']);
    expect(await store.sql('select from owner_values')).toEqual([]);
  });
});

describe('a claim that agents have yet to answer', () => {
  const setClaim = `update claims set outcome = 'taken' where workspace_id = $1`;

  it('is complete with the sign that is stored while it is confirmed', async () => {
    const [caller] = (await claimOf('main')) as [AgentSessionRow];
    await store.sql(setClaim, [workspaceId]);
    const said = await sayWhile(
      [[caller.agentId], ['ready'], [1], [true]],
      `update claims set outcome = 'hit' where workspace_id = $1`,
    );
    expect(said).toEqual([[1, expect.any(Number), 1, true, null]]);
  });

  it('is complete once, when the same agent says so while its sign is being stored', async () => {
    const [caller] = (await claimOf('main')) as [AgentSessionRow];
    await store.sql(setClaim, [workspaceId]);
    await store.sql('begin');
    await store.sql('update agents set applied_epoch = 1 where id = $1', [caller.agentId]);
    const beating = beat(caller, { appliedEpoch: 1 });
    await somebodyWaits(store);
    await store.sql('commit');
    await beating;
    expect(measured).toEqual([]);
  });

  it('is complete with the build, where one is to hand it over', async () => {
    const [caller] = (await claimOf('main')) as [AgentSessionRow];
    await store.sql(setClaim.replace('set', 'set needs_build = true,'), [workspaceId]);
    await beat(caller, { appliedEpoch: 1 });
    expect(measured).toEqual([]);
  });
});

/** What the store gives for what agents say, while something else is done to the workspace, and committed first. */
async function sayWhile(said: readonly unknown[], change: string): Promise<readonly unknown[]> {
  await store.sql('begin');
  await store.sql('select pg_advisory_xact_lock(1)');
  // Stands still once it has its snapshot.
  const text = recordSignsOfLife.text.replace(
    'from unnest(',
    'from (select pg_advisory_xact_lock_shared(1)::text) as stop, unnest(',
  );
  const saying = store.database.query({ name: '', text, values: [...said] });
  await somebodyWaits(store);
  await store.sql(change, [workspaceId]);
  await store.sql('commit');
  const { rows } = await saying;
  expect(rows).toHaveLength(1);
  return rows;
}

describe('a new sign of life', () => {
  it('is stored beside another one of the same agent that says nothing new', async () => {
    const id = await agent('main');
    const caller = await callerOf('main');
    await beat(caller, { lifecycle: 'starting', knownEpoch: 0 });
    await Promise.all([
      beat(caller, { lifecycle: 'starting', knownEpoch: 0 }),
      beat(caller, { lifecycle: 'ready', knownEpoch: 0 }),
    ]);
    expect(await store.sql('select lifecycle from agents where id = $1', [id])).toEqual([
      { lifecycle: 'ready' },
    ]);
  });

  it('that was begun before the end of the build makes the prebuild ready', async () => {
    const id = await agent('main');
    await store.sql(
      `update pool_members set ready = false, running_since = null, born_at = null
       where workspace_id = $1`,
      [workspaceId],
    );
    await sayWhile(
      [[id], ['ready'], [0], [true]],
      `update pool_members set running_since = standby_now(), born_at = standby_now()
       where workspace_id = $1`,
    );
    expect(
      await store.sql('select ready from pool_members where workspace_id = $1', [workspaceId]),
    ).toEqual([{ ready: true }]);
  });
});
