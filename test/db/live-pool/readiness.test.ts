import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AgentId, WorkspaceId } from '../../../src/base/id.ts';
import { lockMembers } from '../../../src/store/live-pool/member.ts';
import { AGENT_WATCH, READY_NOW } from '../../../src/store/live-pool/ready-now.ts';
import { createDeferred } from '../../support/deferred.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { createQueue, type TestQueue } from '../../support/queue.ts';
import { refreshReadiness } from '../../support/refresh-readiness.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let queue: TestQueue;
let pool: TestPool;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  queue = createQueue(store, make);
});
afterAll(() => store.close());

beforeEach(async () => {
  const organizationId = await make.organization();
  pool = await make.pool(await make.template({ organizationId }));
});

/** A prebuild whose start has succeeded, with so many agents. */
async function running(agents: number): Promise<{
  readonly workspaceId: WorkspaceId;
  readonly agentIds: readonly AgentId[];
}> {
  const { workspaceId } = await make.prebuild(pool);
  const agentIds: AgentId[] = [];
  for (let i = 0; i < agents; i++) {
    agentIds.push(await make.agent(workspaceId, { kind: 'program', timeoutSeconds: 60 }));
  }
  const daemon = await queue.daemon({}, { organizationId: pool.organizationId });
  await queue.complete(await queue.mustTake(daemon));
  store.announced.length = 0;
  return { workspaceId, agentIds };
}

async function say(agentId: AgentId, lifecycle: string): Promise<void> {
  await store.sql('update agents set lifecycle = $2, last_seen_at = standby_now() where id = $1', [
    agentId,
    lifecycle,
  ]);
}

const refresh = (...workspaceIds: readonly WorkspaceId[]): Promise<void> =>
  store.database.transaction((tx) => refreshReadiness(tx, workspaceIds));

interface Member {
  readonly ready: boolean;
  readonly now: boolean;
  readonly broken: string | null;
  readonly lost: boolean;
}

async function member(workspaceId: WorkspaceId): Promise<Member> {
  const [row] = await store.sql<Member>(
    `select m.ready, ${READY_NOW} as now, m.broken, m.unready_since is not null as lost
     from pool_members m where m.workspace_id = $1`,
    [workspaceId],
  );
  return row!;
}

describe('a member', () => {
  it('is ready when all of its agents are, and says so once', async () => {
    const { workspaceId, agentIds } = await running(2);
    expect(await member(workspaceId)).toMatchObject({ ready: false, lost: false });
    await say(agentIds[0]!, 'ready');
    await refresh(workspaceId);
    expect(await member(workspaceId)).toMatchObject({ ready: false });
    expect(store.announced).toEqual([]);
    await say(agentIds[1]!, 'ready');
    await refresh(workspaceId);
    expect(await member(workspaceId)).toEqual({
      ready: true,
      now: true,
      broken: null,
      lost: false,
    });
    const changed = [
      { kind: 'workspace', workspaceId },
      { kind: 'pool', poolId: pool.poolId },
    ];
    expect(store.announced).toEqual(changed);
    await refresh(workspaceId);
    expect(store.announced).toEqual(changed);
  });

  it('is ready at once without agents', async () => {
    const { workspaceId } = await running(0);
    expect(await member(workspaceId)).toMatchObject({ ready: true, now: true });
  });

  it('is ready with its build, when its agents were ready before that', async () => {
    const { workspaceId } = await make.prebuild(pool);
    await say(await make.agent(workspaceId), 'ready');
    await refresh(workspaceId);
    expect(await member(workspaceId)).toMatchObject({ ready: false });
    const daemon = await queue.daemon({}, { organizationId: pool.organizationId });
    await queue.complete(await queue.mustTake(daemon));
    expect(await member(workspaceId)).toMatchObject({ ready: true, now: true });
  });

  it('has lost its readiness when an agent takes it back, and may win it again', async () => {
    const { workspaceId, agentIds } = await running(1);
    await say(agentIds[0]!, 'ready');
    await refresh(workspaceId);
    await say(agentIds[0]!, 'starting');
    await refresh(workspaceId);
    expect(await member(workspaceId)).toMatchObject({ ready: false, lost: true, broken: null });
    await say(agentIds[0]!, 'ready');
    await refresh(workspaceId);
    expect(await member(workspaceId)).toMatchObject({ ready: true, lost: false });
  });

  it.each(['start_error', 'start_timeout'])('is broken by an agent in %s', async (lifecycle) => {
    const { workspaceId, agentIds } = await running(2);
    await say(agentIds[0]!, 'ready');
    await say(agentIds[1]!, lifecycle);
    await refresh(workspaceId);
    expect(await member(workspaceId)).toMatchObject({ ready: false, broken: lifecycle });
  });

  it('is not ready now when an agent has been silent for its timeout, and again when it speaks', async () => {
    const { workspaceId, agentIds } = await running(1);
    await say(agentIds[0]!, 'ready');
    await refresh(workspaceId);
    await store.advanceClock(59_000);
    expect(await member(workspaceId)).toMatchObject({ ready: true, now: true });
    await store.advanceClock(2_000);
    expect(await member(workspaceId)).toMatchObject({ ready: true, now: false });
    await say(agentIds[0]!, 'ready');
    expect(await member(workspaceId)).toMatchObject({ ready: true, now: true });
  });

  it('is given time when nobody could have heard its agents', async () => {
    const { workspaceId, agentIds } = await running(1);
    await say(agentIds[0]!, 'ready');
    await refresh(workspaceId);
    await store.advanceClock(600_000);
    await store.sql(
      `insert into watches (name, last_at, judging_from)
       values ($1, standby_now(), standby_now() + interval '60 s')
       on conflict (name) do update set judging_from = excluded.judging_from`,
      [AGENT_WATCH],
    );
    expect(await member(workspaceId)).toMatchObject({ now: true });
    await store.advanceClock(61_000);
    expect(await member(workspaceId)).toMatchObject({ now: false });
  });

  it('sees both of two agents that become ready at the same time', async () => {
    for (let round = 0; round < 10; round++) {
      const { workspaceId, agentIds } = await running(2);
      await Promise.all(
        agentIds.map((agentId) =>
          store.database.transaction(async (tx) => {
            await lockMembers.all(tx, { workspaceIds: [workspaceId] });
            await tx.query({
              name: 'test.say_ready',
              text: `update agents set lifecycle = 'ready', last_seen_at = standby_now()
                     where id = $1`,
              values: [agentId],
            });
            await refreshReadiness(tx, [workspaceId]);
          }),
        ),
      );
      expect(await member(workspaceId)).toMatchObject({ ready: true });
    }
  });

  it('is not locked by signs of life, so that no claim passes it over', async () => {
    const { workspaceId, agentIds } = await running(1);
    await say(agentIds[0]!, 'ready');
    await refresh(workspaceId);
    const busy = createDeferred<undefined>();
    const beating = createDeferred<undefined>();
    const beat = store.database.transaction(async (tx) => {
      const text = 'update agents set last_seen_at = standby_now() where id = $1';
      await tx.query({ name: 'test.beat', text, values: [agentIds[0]] });
      beating.resolve(undefined);
      await busy.promise;
    });
    await beating.promise;
    const found = await store.sql(
      `select 1 from pool_members m where m.workspace_id = $1 and ${READY_NOW}
       for update of m skip locked`,
      [workspaceId],
    );
    busy.resolve(undefined);
    await beat;
    expect(found).toHaveLength(1);
  });
});
