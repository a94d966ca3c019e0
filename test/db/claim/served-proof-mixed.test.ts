// Who waits in line while what was taken for them is settled by others: by control planes of before, which know
// nothing of waiters that have something, and at the very moment in which they leave.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { WaiterId, WorkspaceId } from '../../../src/base/id.ts';
import type { Database } from '../../../src/store/database.ts';
import { createNoticeBus } from '../../../src/store/notice-bus.ts';
import { changeWorkspace } from '../../../src/workspaces/change-workspace.ts';
import { voidUnanswered } from '../../../src/workspaces/prove-claim.ts';
import {
  cancelWaiter,
  readWaiter,
  tendLines,
} from '../../../src/workspaces/waiting/end-waiters.ts';
import { createAnsweringAgents, type AnsweringAgents } from '../../support/answering-agents.ts';
import { createFactory, type Factory } from '../../support/factory.ts';
import { findViolations } from '../../support/pool-invariants.ts';
import { openProvenLine, type ProvenLine } from '../../support/proven-line.ts';
import { createQueue, type TestQueue } from '../../support/queue.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

const WAITS = { outcome: null, workspaceId: null, position: 1 };
const VALUES = { environment: {}, secrets: { token: 's3cret' }, files: [] };
const HOUR_MS = 3_600_000;

let store: TestStore;
let make: Factory;
let deps: TestQueue['deps'];
let answering: AnsweringAgents;
let line: ProvenLine;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  const bus = createNoticeBus({ ...store.kit, ...store });
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

const served = (workspaceId: WorkspaceId | undefined) => ({
  ...{ outcome: 'served', workspaceId, position: null },
});

interface Taken {
  readonly id: WaiterId;
  readonly workspaceId: WorkspaceId;
}

/** Somebody waits, and something was taken for them that nobody proves. */
async function takenFor(): Promise<Taken> {
  const id = await line.wait({ values: VALUES });
  const [workspaceId] = (await answering.ready(line.pool, 'frozen')) as [WorkspaceId];
  await line.take();
  return { id, workspaceId };
}

/** As a control plane of before settles it. */
const settles = {
  hit: async ({ workspaceId }: Taken): Promise<void> => {
    await store.sql(`update claims set outcome = 'hit' where workspace_id = $1`, [workspaceId]);
  },
  void: async ({ id, workspaceId }: Taken): Promise<void> => {
    await voids(workspaceId);
    await store.sql('update waiters set workspace_id = $1 where id = $2', [workspaceId, id]);
  },
} as const;

const voids = (workspaceId: WorkspaceId): Promise<boolean> =>
  deps.database.transaction((tx) => voidUnanswered(deps, tx, { workspaceId, epoch: 1 }));

const cancels = async (id: WaiterId, database: Database = deps.database): Promise<unknown> => {
  const waiter = (await readWaiter(deps, id))!;
  return cancelWaiter({ ...deps, database }, waiter).then(
    () => 'canceled',
    (error: unknown) => error,
  );
};

describe('who waits for the proof of what a control plane of before has settled', () => {
  it.each([0, HOUR_MS])('is served with it where it is a hit, after %i ms', async (laterMs) => {
    const taken = await takenFor();
    await settles.hit(taken);
    await store.advanceClock(laterMs);
    await Promise.all([tendLines(deps), tendLines(deps)]);
    expect(await line.see(taken.id)).toEqual(served(taken.workspaceId));
    const [kept] = await store.sql('select sealed from waiters where id = $1', [taken.id]);
    expect(kept).toEqual({ sealed: null });
    const counted = `select labels, sum(amount)::int as amount from counter_steps
      where template_id = $1 and counter = 'waits_ended' group by 1`;
    expect(await store.sql(counted, [line.pool.templateId])).toEqual([
      { labels: { outcome: 'served' }, amount: 1 },
    ]);
  });

  it('is in line again where it is void, with what was given', async () => {
    const taken = await takenFor();
    await settles.void(taken);
    expect(await line.see(taken.id)).toEqual(WAITS);
    await tendLines(deps);
    // It lives, and does not come for it at once.
    const [alive] = await answering.ready(line.pool, 'deaf');
    await line.serve();
    expect(await line.see(taken.id)).toEqual(served(alive));
    const given = 'select workspace_id from owner_values where workspace_id = any ($1)';
    expect(await store.sql(given, [[taken.workspaceId, alive]])).toEqual([{ workspace_id: alive }]);
  });

  it('sees that the deadline has passed where it is void', async () => {
    const taken = await takenFor();
    await settles.void(taken);
    await store.advanceClock(HOUR_MS);
    expect(await line.see(taken.id)).toMatchObject({ outcome: 'timed_out', workspaceId: null });
  });

  it('may leave the line where it is void, and is told of the hit where it is one', async () => {
    const left = await takenFor();
    await settles.void(left);
    expect(await cancels(left.id)).toBe('canceled');
    expect(await line.see(left.id)).toMatchObject({ outcome: 'canceled', workspaceId: null });
    const taken = await takenFor();
    await settles.hit(taken);
    expect(await cancels(taken.id)).toMatchObject({
      ...{ code: 'WAIT_OVER', fields: { workspace_id: taken.workspaceId } },
    });
  });
});

describe('who finds what was taken for them', () => {
  it('is served with it, where they use it in the moment in which its agents are given up', async () => {
    const userId = await make.user({ organizationId: line.organizationId });
    const id = await line.wait({ userId });
    const [workspaceId] = (await answering.ready(line.pool, 'frozen')) as [WorkspaceId];
    let isProving = false;
    const { database, bus } = deps;
    const transaction: Database['transaction'] = async (work, options) => {
      if (isProving) {
        const by = { userId, isAdmin: false };
        await changeWorkspace(deps, by, { id: workspaceId, transition: 'stop' });
      }
      return database.transaction(work, options);
    };
    const prove = await line.take({ database: { ...database, transaction }, bus });
    isProving = true;
    await prove();
    expect(await line.see(id)).toEqual(served(workspaceId));
  });
});

describe('who leaves the line', () => {
  it('has left it, where something else was taken for them in that moment', async () => {
    const { id, workspaceId } = await takenFor();
    const [next] = await answering.ready(line.pool, 'frozen');
    const taking = onceAfter('waiter.find_taking', async () => {
      await voids(workspaceId);
      await line.take();
    });
    expect(await cancels(id, taking)).toBe('canceled');
    expect(await line.see(id)).toMatchObject({ outcome: 'canceled', workspaceId: null });
    expect(await line.claims()).toEqual(
      expect.arrayContaining([
        [workspaceId, 'void'],
        [next, 'void'],
      ]),
    );
  });

  it('has left it, where what was taken for them was void in that moment', async () => {
    const { id, workspaceId } = await takenFor();
    expect(
      await cancels(
        id,
        onceAfter('waiter.end', () => voids(workspaceId)),
      ),
    ).toBe('canceled');
    expect(await line.see(id)).toMatchObject({ outcome: 'canceled', workspaceId: null });
  });

  it('is told of the workspace that they have found and use', async () => {
    const userId = await make.user({ organizationId: line.organizationId });
    const id = await line.wait({ userId });
    const [workspaceId] = (await answering.ready(line.pool, 'frozen')) as [WorkspaceId];
    await line.take();
    const by = { userId, isAdmin: false };
    await changeWorkspace(deps, by, { id: workspaceId, transition: 'stop' });
    expect(await cancels(id)).toMatchObject({
      ...{ code: 'WAIT_OVER', fields: { workspace_id: workspaceId } },
    });
    expect(await line.see(id)).toEqual(served(workspaceId));
  });
});

/** A database on which something happens right after a statement was run for the first time. */
function onceAfter(name: string, happens: () => Promise<unknown>): Database {
  const { database } = deps;
  let hasHappened = false;
  return {
    ...database,
    query: async (query) => {
      const result = await database.query(query);
      if (query.name === name && !hasHappened) {
        hasHappened = true;
        await happens();
      }
      return result;
    },
  };
}
