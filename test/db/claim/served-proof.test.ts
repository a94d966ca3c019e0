// Proof at hand-over for those who wait in line: what a turn takes for them is theirs once its agents have answered;
// until then they keep their place, and nobody is told.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createId,
  type GroupId,
  type UserId,
  type WaiterId,
  type WorkspaceId,
} from '../../../src/base/id.ts';
import { insertGroup, insertGroupMember } from '../../../src/store/group.ts';
import { createNoticeBus, type NoticeBus } from '../../../src/store/notice-bus.ts';
import { storeEnforcesQuota } from '../../../src/store/quota.ts';
import { changeWorkspace } from '../../../src/workspaces/change-workspace.ts';
import { awaitWaiter } from '../../../src/workspaces/waiting/await-waiter.ts';
import {
  cancelWaiter,
  readWaiter,
  tendLines,
} from '../../../src/workspaces/waiting/end-waiters.ts';
import { createAnsweringAgents, type AnsweringAgents } from '../../support/answering-agents.ts';
import { countStatements } from '../../support/counted-database.ts';
import { createFactory, type Factory } from '../../support/factory.ts';
import { openLine } from '../../support/line.ts';
import { findViolations } from '../../support/pool-invariants.ts';
import { openProvenLine, type LineReplica, type ProvenLine } from '../../support/proven-line.ts';
import { createQueue, type TestQueue } from '../../support/queue.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

const WAITS = { outcome: null, workspaceId: null, position: 1 };
const VALUES = { environment: {}, secrets: { token: 's3cret' }, files: [] };
const HOUR_MS = 3_600_000;

let store: TestStore;
let make: Factory;
let deps: TestQueue['deps'];
let bus: NoticeBus;
let answering: AnsweringAgents;
let line: ProvenLine;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  bus = createNoticeBus({ ...store.kit, ...store });
  ({ deps } = createQueue(store, make, { bus }));
  answering = createAnsweringAgents({ store, make }, deps);
});
afterAll(() => store.close());
beforeEach(async () => {
  line = await openProvenLine({ store, make }, { deps, answering });
});
afterEach(async () => {
  await answering.end();
  // No daemon has made them, which some of the others find strange.
  const violations = await findViolations(store);
  expect(violations.filter((text) => /^(waiter|claim|member|a )/.test(text))).toEqual([]);
});

const ready = (
  ...lives: Parameters<AnsweringAgents['ready']> extends [unknown, ...infer Lives] ? Lives : never
): Promise<readonly WorkspaceId[]> => answering.ready(line.pool, ...lives);

const served = (workspaceId: WorkspaceId | undefined) => ({
  ...{ outcome: 'served', workspaceId, position: null },
});

/** How an agent was told of the owner, and has called again since. */
const answered = async (workspaceId: WorkspaceId | undefined): Promise<void> => {
  const sessions = `
    select from agents a
    join agent_sessions s on s.agent_id = a.id and s.ended_at is null and s.epoch = 1
    where a.workspace_id = $1 and a.last_seen_at >= s.created_at`;
  await expect.poll(() => store.sql(sessions, [workspaceId])).toHaveLength(1);
};

describe('somebody who waits for a workspace with an agent', () => {
  it('is served when the agent has answered, and waits until then', async () => {
    const id = await line.wait();
    const [workspaceId] = await ready('lives');
    const prove = await line.take();
    expect(await line.see(id)).toEqual(WAITS);
    expect(await line.claims()).toEqual([[workspaceId, 'taken']]);
    // Whoever watches looks once, and again when a notice says so.
    const watched = awaitWaiter(deps, id, {
      ...{ timeoutMs: 60_000, pollMs: 60_000 },
      signal: new AbortController().signal,
    });
    expect(await prove()).toBe(true);
    expect(await watched).toMatchObject({ outcome: 'served', workspaceId });
    expect(await line.see(id)).toEqual(served(workspaceId));
    expect(await line.claims()).toEqual([[workspaceId, 'hit']]);
  });

  it('gets another one where the agent does not answer, with what was given for it', async () => {
    const id = await line.wait({ values: VALUES });
    // The second one lives, and does not come for it at once.
    const [dead, alive] = await ready('frozen', 'deaf');
    await line.serve();
    expect(await line.see(id)).toEqual(WAITS);
    await line.serve();
    expect(await line.see(id)).toEqual(served(alive));
    expect(await line.claims()).toEqual([
      [dead, 'void'],
      [alive, 'hit'],
    ]);
    const given = 'select workspace_id from owner_values where workspace_id = any ($1)';
    expect(await store.sql(given, [[dead, alive]])).toEqual([{ workspace_id: alive }]);
    const [kept] = await store.sql(
      'select sealed, ended_at is not null as ended from waiters where id = $1',
      [id],
    );
    expect(kept).toEqual({ sealed: null, ended: true });
    const counted = `select counter, sum(amount)::int as amount from counter_steps
      where template_id = $1 and (counter like '%claim%' or counter = 'waits_ended')
      group by 1 order by 1`;
    expect(await store.sql(counted, [line.pool.templateId])).toEqual([
      { counter: 'claims_voided', amount: 1 },
      { counter: 'prebuilds_claimed', amount: 1 },
      { counter: 'waits_ended', amount: 1 },
    ]);
    const deleted = `select workspace_id from builds where transition = 'delete' and workspace_id = any ($1)`;
    expect(await store.sql(deleted, [[dead, alive]])).toEqual([{ workspace_id: dead }]);
  });

  it('is back at the old place after two that did not answer, with priority and deadline', async () => {
    const place = `select priority, turn, deadline_at from waiters where id = $1`;
    const first = await line.wait();
    const before = await store.sql(place, [first]);
    const second = await line.wait();
    for (const life of ['frozen', 'frozen'] as const) {
      await ready(life);
      await line.serve();
    }
    expect(await store.sql(place, [first])).toEqual(before);
    expect(await line.see(first)).toEqual(WAITS);
    expect(await line.see(second)).toEqual({ ...WAITS, position: 2 });
    const [alive] = await ready('lives');
    await line.serve();
    expect(await line.see(first)).toEqual(served(alive));
    expect(await line.see(second)).toEqual(WAITS);
  });

  it('is not overtaken meanwhile by who stands behind, and is by a higher priority', async () => {
    const first = await line.wait();
    await ready('frozen');
    const prove = await line.take();
    const [spare] = await ready('lives');
    const behind = await line.wait();
    await line.take();
    expect(await line.see(behind)).toEqual({ ...WAITS, position: 2 });
    expect(await prove()).toBe(false);
    await line.serve();
    expect(await line.see(first)).toEqual(served(spare));
    expect(await line.see(behind)).toEqual(WAITS);

    await ready('frozen');
    const again = await line.take();
    const higher = await line.wait({ priority: 5 });
    const [urgent] = await ready('lives');
    await line.serve();
    expect(await line.see(higher)).toEqual(served(urgent));
    expect(await again()).toBe(false);
    expect(await line.see(behind)).toEqual(WAITS);
  });

  it('holds up nobody behind once there is enough for both', async () => {
    const first = await line.wait();
    await ready('frozen');
    const prove = await line.take();
    const [one] = await ready('lives');
    const behind = await line.wait();
    const [two] = await ready('lives');
    await line.serve();
    expect(await line.see(behind)).toEqual(served(one));
    await prove();
    await line.serve();
    expect(await line.see(first)).toEqual(served(two));
  });

  it('keeps the name meanwhile, and the key stands for the waiting', async () => {
    const userId = await make.user({ organizationId: line.organizationId });
    const id = await line.wait({ userId, idempotencyKey: 'k' });
    await ready('frozen');
    const prove = await line.take();
    expect(await line.owners('demo')).toEqual([userId]);
    expect(await line.ask({ userId, idempotencyKey: 'k' })).toEqual({ waiterId: id });
    await expect(line.ask({ userId, onEmpty: 'create' })).rejects.toMatchObject({
      code: 'NAME_TAKEN',
    });
    await prove();
    expect(await line.owners('demo')).toEqual([]);
    expect(await line.ask({ userId, idempotencyKey: 'k' })).toEqual({ waiterId: id });
    await expect(line.ask({ userId, onEmpty: 'create' })).rejects.toMatchObject({
      code: 'NAME_TAKEN',
    });
    // Not before: who asks serves the line, and has no patience.
    const [alive] = await ready('lives');
    await line.serve();
    const got = await line.ask({ userId, idempotencyKey: 'k' });
    expect(got).toMatchObject({ workspaceId: alive, claimed: true });
  });

  it('spends what was taken, and nothing of what was void', async () => {
    line = await openProvenLine(
      { store, make },
      { deps, answering },
      { cost: { hourly: 1, currency: 'EUR' } },
    );
    const userId = await payer(line, 2_400);
    const first = await line.wait({ userId, name: 'a' });
    const second = await line.wait({ userId, name: 'b' });
    await ready('frozen');
    const prove = await line.take();
    expect(await prove()).toBe(false);
    const [alive] = await ready('lives');
    const again = await line.take();
    await ready('lives');
    // What is not proven yet counts as spent.
    const other = { userId, name: 'c', onEmpty: 'fail' } as const;
    await expect(line.ask(other)).rejects.toMatchObject({ code: 'QUOTA_EXCEEDED' });
    expect(await again()).toBe(true);
    await line.serve();
    expect(await line.see(first)).toEqual(served(alive));
    expect((await line.look(second)).error_code).toBe('QUOTA_EXCEEDED');
  });

  it('gets the build that hands it over with the proof', async () => {
    line = await openProvenLine({ store, make }, { deps, answering }, { claim: 'apply' });
    const id = await line.wait();
    const [dead, alive] = await ready('frozen', 'lives');
    await line.serve();
    await line.serve();
    expect(await line.see(id)).toEqual(served(alive));
    const builds = `select workspace_id from builds where stage = 'claim' and workspace_id = any ($1)`;
    expect(await store.sql(builds, [[dead, alive]])).toEqual([{ workspace_id: alive }]);
  });
});

async function payer({ organizationId }: ProvenLine, allowance: number): Promise<UserId> {
  const userId = await make.user({ organizationId });
  await storeEnforcesQuota.run(store.database, { organizationId, enforced: true });
  const id = createId<GroupId>(store.kit);
  const group = { id, organizationId, name: 'payers', displayName: '', allowance };
  await insertGroup.one(store.database, group);
  await insertGroupMember.run(store.database, { id, userId });
  return userId;
}

describe('a control plane that dies between the taking and the proof', () => {
  it('leaves who was about to be served that, where the agent lives', async () => {
    const id = await line.wait();
    const [workspaceId] = await ready('lives');
    await line.take();
    await answered(workspaceId);
    await store.advanceClock(20_001);
    await line.sweep();
    expect(await line.see(id)).toEqual(served(workspaceId));
  });

  it('leaves them their place, where it does not', async () => {
    const first = await line.wait();
    const second = await line.wait();
    const [dead] = await ready('frozen');
    await line.take();
    await store.advanceClock(60_001);
    await Promise.all([1, 2].map(() => line.sweep()));
    expect(await line.claims()).toEqual([[dead, 'void']]);
    expect(await line.see(first)).toEqual(WAITS);
    const [alive] = await ready('lives');
    await line.serve();
    expect(await line.see(first)).toEqual(served(alive));
    expect(await line.see(second)).toEqual(WAITS);
  });

  it('leaves them their place where a build of the hand-over is missing, though the agent lives', async () => {
    line = await openProvenLine({ store, make }, { deps, answering }, { claim: 'apply' });
    const id = await line.wait();
    const [first, second] = await ready('lives', 'lives');
    await line.take();
    await answered(first);
    await store.advanceClock(20_001);
    await line.sweep();
    expect(await line.see(id)).toEqual(WAITS);
    await line.serve();
    expect(await line.see(id)).toEqual(served(second));
  });

  it('leaves who has found the workspace and uses it what they have, whatever the deadline', async () => {
    const userId = await make.user({ organizationId: line.organizationId });
    const id = await line.wait({ userId });
    const [workspaceId] = (await ready('frozen')) as [WorkspaceId];
    await line.take();
    await changeWorkspace(
      deps,
      { userId, isAdmin: false },
      { id: workspaceId, transition: 'stop' },
    );
    await store.advanceClock(HOUR_MS);
    await tendLines(deps);
    expect(await line.see(id)).toEqual(served(workspaceId));
    expect(await line.claims()).toEqual([[workspaceId, 'hit']]);
  });
});

describe('a deadline that passes before the proof', () => {
  const ends: readonly (readonly [string, (id: WaiterId) => Promise<unknown>])[] = [
    ['who asks', (id) => readWaiter(deps, id)],
    ['the regular look', () => tendLines(deps)],
  ];
  it.each(ends)('ends the waiting, seen by %s, and leaves nothing', async (_by, look) => {
    const userId = await make.user({ organizationId: line.organizationId });
    const id = await line.wait({ userId, values: VALUES });
    const [workspaceId] = await ready('lives');
    const prove = await line.take();
    await answered(workspaceId);
    await store.advanceClock(HOUR_MS);
    await look(id);
    expect(await line.look(id)).toEqual({
      ...{ outcome: 'timed_out', workspace_id: null, error_code: null },
    });
    expect(await line.claims()).toEqual(
      expect.arrayContaining([
        [workspaceId, 'void'],
        [null, 'miss'],
      ]),
    );
    expect(await line.owners('demo')).toEqual([]);
    const left = 'select from owner_values where workspace_id = $1';
    expect(await store.sql(left, [workspaceId])).toEqual([]);
    // Who proves it finds that it is over.
    expect(await prove()).toBe(false);
    expect(await line.see(id)).toMatchObject({ outcome: 'timed_out' });
    // The name is free.
    const again = await line.ask({ userId, onEmpty: 'create' });
    expect(again).toMatchObject({ claimed: false });
  });

  it('is not put off by the answer', async () => {
    const id = await line.wait();
    const [workspaceId] = await ready('lives');
    await line.take();
    await answered(workspaceId);
    await store.advanceClock(HOUR_MS);
    await line.sweep();
    expect(await line.see(id)).toMatchObject({ outcome: 'timed_out', workspaceId: null });
    expect((await line.claims()).map(([, outcome]) => outcome).sort()).toEqual(['miss', 'void']);
  });

  it('frees the name for who asks for it', async () => {
    const userId = await make.user({ organizationId: line.organizationId });
    const id = await line.wait({ userId });
    await ready('frozen');
    await line.take();
    await store.advanceClock(HOUR_MS);
    const again = await line.ask({ userId, onEmpty: 'create' });
    expect(again).toMatchObject({ claimed: false });
    expect((await line.look(id)).outcome).toBe('timed_out');
  });
});

describe('who leaves the line before the proof', () => {
  it('gets nothing, and nothing is left', async () => {
    const id = await line.wait({ values: VALUES });
    const [workspaceId] = await ready('lives');
    const prove = await line.take();
    await cancelWaiter(deps, (await readWaiter(deps, id))!);
    expect(await line.see(id)).toMatchObject({ outcome: 'canceled', workspaceId: null });
    expect(await prove()).toBe(false);
    expect((await line.claims()).map(([, outcome]) => outcome).sort()).toEqual(['miss', 'void']);
    expect(await line.owners('demo')).toEqual([]);
    expect(
      await store.sql('select from owner_values where workspace_id = $1', [workspaceId]),
    ).toEqual([]);
  });

  it('at the moment of the proof is served, or is told that it left', async () => {
    for (let round = 0; round < 8; round++) {
      const id = await line.wait({ name: `demo-${round}` });
      await ready('lives');
      const prove = await line.take();
      const row = (await readWaiter(deps, id))!;
      const left = cancelWaiter(deps, row).then(
        () => 'canceled',
        (error: unknown) => (error as { readonly code: string }).code,
      );
      const [told] = await Promise.all([left, prove()]);
      const { outcome, workspaceId } = await line.see(id);
      expect(outcome).toBe(told === 'canceled' ? 'canceled' : 'served');
      expect(workspaceId === null).toBe(told === 'canceled');
    }
  });
});

describe('two replicas', () => {
  let other: LineReplica;
  let buses: readonly NoticeBus[];
  beforeAll(async () => {
    const database = store.open();
    const otherBus = createNoticeBus({ ...store.kit, database });
    other = { database, bus: otherBus };
    buses = [bus, otherBus];
    for (const each of buses) await each.start();
  });
  afterAll(async () => {
    for (const each of buses) await each.stop('the test is over', 10_000);
  });

  it('prove what an agent hangs at the other one of', async () => {
    const id = await line.wait();
    const [dead] = await ready('frozen');
    const prove = await line.take(other);
    expect(await prove()).toBe(false);
    const [alive] = await ready('lives');
    const again = await line.take(other);
    expect(await again()).toBe(true);
    expect(await line.see(id)).toEqual(served(alive));
    expect(await line.claims()).toEqual([
      [dead, 'void'],
      [alive, 'hit'],
    ]);
  });

  it('never serve one twice, while one proves and the other has its turns', async () => {
    const ids: WaiterId[] = [];
    for (let n = 0; n < 6; n++) ids.push(await line.wait({ name: `demo-${n}` }));
    const both = async (): Promise<void> => {
      const proofs = await Promise.all([line.take(), line.take(other)]);
      await Promise.all(proofs.map((prove) => prove()));
    };
    await ready('frozen', 'lives', 'frozen', 'lives');
    await both();
    await ready('lives', 'lives', 'frozen', 'lives', 'lives');
    for (let turn = 0; turn < 3; turn++) await both();
    const seen = await Promise.all(ids.map((id) => line.see(id)));
    expect(seen.map(({ outcome }) => outcome)).toEqual(ids.map(() => 'served'));
    expect(new Set(seen.map(({ workspaceId }) => workspaceId)).size).toBe(ids.length);
    const outcomes = (await line.claims()).map(([, outcome]) => outcome);
    expect(outcomes.filter((outcome) => outcome === 'hit')).toHaveLength(ids.length);
    expect(outcomes.filter((outcome) => outcome === 'void')).toHaveLength(3);
  });
});

describe('a turn of a line', () => {
  it('costs what it did where there are no agents', async () => {
    const plain = await openLine({ store, make });
    const id = await plain.wait();
    await plain.ready(1);
    const database = countStatements(store.database);
    await plain.turn(database);
    const { statements, transactions } = database.take();
    expect(transactions).toBe(1);
    expect(statements.slice(0, 5)).toEqual([
      'pool.lock',
      'waiter.read_line',
      'claim.resolve_request',
      'waiter.lock_next',
      'claim.serve_oldest',
    ]);
    expect((await plain.look(id)).outcome).toBe('served');
  });

  it('holds nothing while agents are asked', async () => {
    const id = await line.wait();
    const [workspaceId] = await ready('lives');
    const prove = await line.take();
    await store.sql('begin');
    // As the next turn does, which has no end before the proof has.
    await store.sql('select from pools where id = $1 for no key update', [line.pool.poolId]);
    expect(await prove()).toBe(true);
    expect(await line.see(id)).toEqual(served(workspaceId));
    await store.sql('rollback');
  });
});
