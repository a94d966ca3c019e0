// Who stands in line for workspaces with agents, at a control plane as a process of its own: it asks the agents beside
// its turns, gives another one where they do not answer, and is done with that before it ends.
import { beforeAll, describe, expect, it } from 'vitest';
import { createBootstrapTokens } from '../../src/base/bootstrap-token.ts';
import type { WorkspaceId } from '../../src/base/id.ts';
import { agentRoutes } from '../../src/contract/agent/route.ts';
import { waiterRoutes } from '../../src/contract/waiter/route.ts';
import type { WaiterView } from '../../src/contract/waiter/schema.ts';
import { workspaceRoutes } from '../../src/contract/workspace/route.ts';
import { AGENT_WATCH } from '../../src/store/live-pool/ready-now.ts';
import { createFleet, type Fleet } from '../support/fleet.ts';
import { findViolations } from '../support/pool-invariants.ts';
import { buildBin } from '../support/program.ts';
import { TEST_SECRET_KEY } from '../support/store.ts';
import { until } from '../support/until.ts';

const bootstrapTokens = createBootstrapTokens(TEST_SECRET_KEY);
const PLANE = 0;

beforeAll(buildBin);

describe('a control plane with somebody in line', () => {
  it('gives them another one where the agent of the first does not answer', async () => {
    await using fleet = await openFleet({ proof: '1s' });
    const { waiter, dead, alive } = await standInLine(fleet);
    expect(await startAgent(fleet, dead, { answers: false })).toBe(1);
    // Who proves it says so in these words; whoever sweeps up what is left says others, much later.
    await until(() => expect(fleet.plane(PLANE).said()).toContain('"claim.unanswered"'));
    await until(async () => expect(await claims(fleet)).toEqual([[dead, 'void']]));
    expect(await see(fleet, waiter)).toMatchObject({ state: 'waiting', position: 1 });

    await startAgent(fleet, alive, { answers: true });
    await isServedWith(fleet, waiter, alive);
    expect(await claims(fleet)).toEqual([
      [dead, 'void'],
      [alive, 'hit'],
    ]);
    expect(fleet.plane(PLANE).said()).not.toMatch(/claim\.(settled|voided)|not_proven/);
    expect(await findViolations(fleet.store)).toEqual([]);
  });

  it('ends with what it has begun to prove, and leaves them their place', async () => {
    await using fleet = await openFleet({ proof: '5s' });
    const { waiter, dead, alive } = await standInLine(fleet);
    expect(await startAgent(fleet, dead, { answers: false })).toBe(1);
    expect(await claims(fleet)).toEqual([[dead, 'taken']]);
    expect(await fleet.plane(PLANE).end('SIGTERM')).toBe(0);
    expect(await claims(fleet)).toEqual([[dead, 'void']]);
    expect(fleet.plane(PLANE).said()).not.toMatch(/not_proven|stop_late/);

    await fleet.restart(PLANE, 'SIGTERM');
    expect(await see(fleet, waiter)).toMatchObject({ state: 'waiting', position: 1 });
    await startAgent(fleet, alive, { answers: true });
    await isServedWith(fleet, waiter, alive);
  });
});

async function openFleet({ proof }: { readonly proof: string }): Promise<Fleet> {
  const fleet = await createFleet({
    planes: 1,
    environment: {
      STANDBY_CLAIM_PROOF_TIMEOUT: proof,
      // However late a busy machine is with one: looks for silent agents that are missed excuse them.
      STANDBY_SWEEP_INTERVAL: '30s',
    },
  });
  // As once it has run for a while: right after its start no agent's silence is judged.
  await fleet.store.sql(
    `insert into watches (name, last_at, judging_from)
     values ('${AGENT_WATCH}', standby_now(), '-infinity')
     on conflict (name) do update set judging_from = excluded.judging_from`,
  );
  await fleet.startDaemon();
  await fleet.push('proven', { instances: 2, startMs: 0, claim: 'instant', agent: 'main' });
  return fleet;
}

interface InLine {
  readonly waiter: string;
  /** Two of the pool, of which neither is ready: nobody has heard of their agents. */
  readonly dead: WorkspaceId;
  readonly alive: WorkspaceId;
}

async function standInLine({ client, store }: Fleet): Promise<InLine> {
  const built = await until(async () => {
    const members = await store.sql<{ id: WorkspaceId }>(
      'select workspace_id as id from pool_members where running_since is not null order by 1',
    );
    expect(members).toHaveLength(2);
    return members.map(({ id }) => id);
  });
  const { status, body } = await client.call(workspaceRoutes.createWorkspace, {
    params: { organization: 'default' },
    headers: {},
    body: { name: 'mine', template: 'proven', on_empty: 'wait' },
  });
  if (status !== 202) throw new Error('it was served before any agent was heard of');
  const [dead, alive] = built;
  return { waiter: body.waiter.id, dead: dead!, alive: alive! };
}

/** It is ready, and calls once more where it `answers`. Gives of which epoch it was told. */
async function startAgent(
  fleet: Fleet,
  workspaceId: WorkspaceId,
  { answers }: { readonly answers: boolean },
): Promise<number> {
  const by = (token: string) => fleet.clientOf(PLANE, { token });
  const { body: exchanged } = await by(bootstrapTokens.issue(workspaceId)).call(
    agentRoutes.exchangeAgentToken,
    { body: { agent: 'main' } },
  );
  const { body: told } = await by(exchanged.session).call(
    agentRoutes.heartbeatAgent,
    {
      body: {
        ...{ lifecycle: 'ready', applied_epoch: 0, known_epoch: exchanged.epoch },
        wait_ms: 60_000,
      },
    },
    { timeoutMs: 90_000 },
  );
  const { epoch, session } = told;
  if (answers) {
    await by(session!).call(agentRoutes.heartbeatAgent, {
      body: { lifecycle: 'ready', applied_epoch: epoch, known_epoch: epoch, wait_ms: 0 },
    });
  }
  return epoch;
}

async function see({ client }: Fleet, waiter: string): Promise<WaiterView> {
  const { body } = await client.call(waiterRoutes.getWaiter, { params: { waiter }, query: {} });
  return body;
}

async function isServedWith(fleet: Fleet, waiter: string, workspaceId: WorkspaceId): Promise<void> {
  await until(async () =>
    expect(await see(fleet, waiter)).toMatchObject({ state: 'served', workspace_id: workspaceId }),
  );
  const asked = { params: { workspace: workspaceId }, query: {} };
  const { body } = await fleet.client.call(workspaceRoutes.getWorkspace, asked);
  expect(body).toMatchObject({ name: 'mine', owner: 'admin', epoch: 1 });
}

async function claims({ store }: Fleet): Promise<readonly (readonly [WorkspaceId, string])[]> {
  const rows = await store.sql<{ id: WorkspaceId; outcome: string }>(
    'select workspace_id as id, outcome from claims order by at',
  );
  return rows.map(({ id, outcome }) => [id, outcome] as const);
}
