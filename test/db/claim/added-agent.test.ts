// An agent that an update adds to a workspace that somebody has: what it is given of the owner's values, and that no
// claim is measured by it.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { hashToken } from '../../../src/base/token.ts';
import type { UserId, WorkspaceId } from '../../../src/base/id.ts';
import type { AgentHeartbeatAnswer } from '../../../src/contract/agent/protocol.ts';
import type { OwnerValues } from '../../../src/domain/workspace/owner-values.ts';
import { clearOwnerValues } from '../../../src/jobs/clear-owner-values.ts';
import { exchangeAgents } from '../../../src/workspaces/exchange-agents.ts';
import type { AgentSessionRow } from '../../../src/store/agent-session.ts';
import { serveHeartbeat } from '../../../src/workspaces/agent/heartbeat.ts';
import { readAgentValues } from '../../../src/workspaces/agent/values.ts';
import { openSession } from '../../support/agent-session.ts';
import { createTestCreator, judgeNoAgents, UNPROVEN } from '../../support/creator.ts';
import { NO_WAITING } from '../../support/created.ts';
import { createFactory, type Factory } from '../../support/factory.ts';
import { sampleManifest } from '../../support/manifest.ts';
import { createQueue, type TestQueue } from '../../support/queue.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { agentsOf } from '../workspace/rebuild-ground.ts';

const VALUES: OwnerValues = { environment: {}, secrets: { token: 'canary-9e2c' }, files: [] };

let store: TestStore;
let make: Factory;
let queue: TestQueue;
let ann: UserId;
let workspaceId: WorkspaceId;
/** What was measured of claims that got ready. */
let measured: number;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  queue = createQueue(store, make);
  await judgeNoAgents(store);
});
afterAll(() => store.close());

/** Ann's, handed over from a pool, with the agents "main" and "side", who have not taken her over yet. */
beforeEach(async () => {
  measured = 0;
  const organizationId = await make.organization();
  ann = await make.user({ organizationId });
  const manifest = { claim: 'instant', agents: agentsOf('main', 'side') } as const;
  const pool = await make.pool(await make.template({ organizationId, manifest }));
  [workspaceId] = (await makeReady(store, make, { pool, count: 1 })) as [WorkspaceId];
  for (const name of ['main', 'side']) await make.agent(workspaceId, { name, kind: 'program' });
  await store.sql(
    `update agents set lifecycle = 'ready', last_seen_at = standby_now() where workspace_id = $1`,
    [workspaceId],
  );
  const [row] = await store.sql<{ name: string }>('select name from organizations where id = $1', [
    organizationId,
  ]);
  await createTestCreator(queue.deps, { proof: UNPROVEN })(
    { userId: ann, isAdmin: false },
    {
      ...{ organization: row!.name, template: pool.name, name: 'demo', preset: pool.presetName },
      ...{ parameters: {}, onEmpty: 'fail', ...NO_WAITING, idempotencyKey: undefined },
      values: VALUES,
    },
  );
});

/** A version with these agents takes the place of the former one. */
const exchange = (...names: readonly string[]): Promise<void> =>
  store.database.transaction((tx) =>
    exchangeAgents(store.kit, tx, {
      workspaceId,
      manifest: sampleManifest({ agents: agentsOf(...names) }),
    }),
  );

async function callerOf(name: string): Promise<AgentSessionRow> {
  await store.advanceClock(1);
  const { session } = await openSession(store.kit, store.database, {
    ...{ workspaceId, name },
  });
  const caller = await queue.deps.agents.findSession(hashToken(session).toString('hex'));
  if (caller === undefined) throw new Error('a session that was just opened is good');
  return caller;
}

function beat(caller: AgentSessionRow, appliedEpoch: number): Promise<AgentHeartbeatAnswer> {
  const meter = {
    observe: (duration: string) => {
      if (duration === 'claim_to_ready') measured += 1;
    },
  };
  return serveHeartbeat({ ...queue.deps, meter }, caller, {
    ...{ lifecycle: 'ready', appliedEpoch, knownEpoch: appliedEpoch, waitMs: 0, pollMs: 5 },
    signal: new AbortController().signal,
  });
}

/** The agents find that they are given something, or not, and have taken the owner over. */
async function takeOver(...names: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of names) {
    const caller = await callerOf(name);
    found.push((await beat(caller, 0)).values);
    await beat(caller, 1);
  }
  return found;
}

it('finds none where they are handed over already, and is no part of the claim’s time', async () => {
  expect(await takeOver('main', 'side')).toEqual(['given', 'given']);
  expect(measured).toBe(1);
  await exchange('main', 'side', 'more');
  expect(await takeOver('more')).toEqual(['none']);
  expect(measured).toBe(1);
});

it('is given them while they are kept for one that it takes the place of', async () => {
  expect(await takeOver('main')).toEqual(['given']);
  await exchange('main', 'more');
  const more = await callerOf('more');
  expect(await readAgentValues(queue.deps, more)).toMatchObject({
    secrets: [{ name: 'token', value: 'canary-9e2c' }],
  });
  expect(await takeOver('more')).toEqual(['given']);
  expect(await takeOver('main')).toEqual(['none']);
  expect(measured).toBe(0);
});

it('does not fail for what one that it takes the place of has not fetched in time', async () => {
  expect(await takeOver('main')).toEqual(['given']);
  await expire();
  await exchange('main', 'more');
  expect(await takeOver('more')).toEqual(['none']);
});

it('leaves it known that they are gone for one that was to have them', async () => {
  await expire();
  await exchange('main', 'more');
  expect(await takeOver('main', 'more')).toEqual(['expired', 'expired']);
});

it('has no successor that stays: nothing is kept for nobody', async () => {
  expect(await takeOver('main')).toEqual(['given']);
  await exchange('main');
  expect(
    await store.sql('select from owner_values where workspace_id = $1', [workspaceId]),
  ).toEqual([]);
});

async function expire(): Promise<void> {
  await store.advanceClock(61_000);
  await clearOwnerValues(queue.deps, { ownerValuesTimeoutMs: 60_000 });
}
