// What happens at one moment to those who wait: two replicas that serve, claims, cancels, promotions,
// deletes, and a process that dies in the middle.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { installFailpoints } from '../../../src/base/failpoint.ts';
import type { WaiterId, WorkspaceId } from '../../../src/base/id.ts';
import type { Database } from '../../../src/store/database.ts';
import { cancelWaiter, readWaiter } from '../../../src/workspaces/waiting/end-waiters.ts';
import { serveLine } from '../../../src/workspaces/waiting/serve-line.ts';
import { createFactory, type Factory } from '../../support/factory.ts';
import { openLine, type Line } from '../../support/line.ts';
import { findViolations } from '../../support/pool-invariants.ts';
import { proveDepsOf } from '../../support/creator.ts';
import { depsOf, openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let replicas: readonly Database[];
let line: Line;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  replicas = [store.database, store.open()];
});
afterAll(() => store.close());
beforeEach(async () => {
  line = await openLine({ store, make });
});
afterEach(async () => {
  installFailpoints(undefined);
  expect((await findViolations(store)).filter((one) => one.includes('waiter'))).toEqual([]);
});

const replicaOf = (n: number): Database => replicas[n % 2]!;
const inLine = async (count: number): Promise<readonly WaiterId[]> => {
  const ids: WaiterId[] = [];
  for (let n = 0; n < count; n++) ids.push(await line.wait({ database: replicaOf(n) }));
  return ids;
};
const servedWith = async (ids: readonly WaiterId[]): Promise<readonly (WorkspaceId | null)[]> =>
  (await Promise.all(ids.map((id) => line.look(id)))).map((one) => one.workspace_id);
/** Each of them served, by another one. */
const expectAllServed = async (ids: readonly WaiterId[]): Promise<void> => {
  const got = await servedWith(ids);
  expect(got).not.toContain(null);
  expect(new Set(got).size).toBe(ids.length);
};
const serve = (database: Database): Promise<void> =>
  serveLine(proveDepsOf({ ...depsOf(store), database }), line.pool.poolId);
const cancel = async (id: WaiterId): Promise<string> => {
  const row = (await readWaiter(depsOf(store), id))!;
  return cancelWaiter(depsOf(store), row).then(
    () => 'canceled',
    (error: unknown) => (error as { readonly code: string }).code,
  );
};

describe('two replicas that serve a line at once', () => {
  it('never give one prebuild to two, and keep the order', async () => {
    const ids = await inLine(20);
    const ready = await line.ready(12);
    await Promise.all([serve(replicaOf(0)), serve(replicaOf(1)), line.turn(replicaOf(1))]);
    expect(await servedWith(ids)).toEqual([...ready, ...Array.from({ length: 8 }, () => null)]);
  });

  it('serve everybody, while people come, claim, and prebuilds get ready', async () => {
    const later: Promise<unknown>[] = [];
    const ids = [...(await inLine(10))];
    for (let n = 0; n < 12; n++) {
      later.push(
        line.wait({ database: replicaOf(n) }).then(
          (id) => ids.push(id),
          () => undefined, // served at once
        ),
        line.ask({ onEmpty: 'fail', database: replicaOf(n + 1) }).catch(() => undefined),
        line.ready(1),
        serve(replicaOf(n)),
      );
    }
    await Promise.all(later);
    await line.ready(ids.length);
    await line.turn();
    await expectAllServed(ids);
    const [twice] = await store.sql<{ count: number }>(
      `select count(*)::int - count(distinct workspace_id)::int as count
       from claims where pool_id = $1 and workspace_id is not null`,
      [line.pool.poolId],
    );
    expect(twice!.count).toBe(0);
  });

  it('keep the order under claims that come at the same time', async () => {
    const ids = await inLine(10);
    const ready = await line.ready(10);
    const claims = Array.from({ length: 10 }, (_, n) =>
      line.ask({ onEmpty: 'fail', database: replicaOf(n) }).then(
        () => 'hit',
        (error: unknown) => (error as { readonly code: string }).code,
      ),
    );
    expect(new Set(await Promise.all(claims))).toEqual(new Set(['POOL_EMPTY']));
    await line.turn();
    expect(await servedWith(ids)).toEqual(ready);
  });
});

describe('a line that is served', () => {
  it('and somebody who leaves it: the one or the other', async () => {
    for (let n = 0; n < 15; n++) {
      const [first, second] = await inLine(2);
      const [workspaceId] = await line.ready(1);
      const [said] = await Promise.all([cancel(first!), serve(replicaOf(1))]);
      await serve(replicaOf(0));
      const { outcome } = await line.look(first!);
      expect([said, outcome]).toEqual(
        outcome === 'served' ? ['WAIT_OVER', 'served'] : ['canceled', 'canceled'],
      );
      const taker = outcome === 'served' ? first! : second!;
      expect(await line.look(taker)).toMatchObject({ workspace_id: workspaceId });
      await cancel(second!);
    }
  });

  it('and a promotion: by a prebuild of either version, and by one', async () => {
    for (let n = 0; n < 8; n++) {
      line = await openLine({ store, make });
      const [id] = await inLine(1);
      await line.ready(1);
      const { versionId } = await make.version(line.pool);
      await make.pool({ ...line.pool, versionId }, { name: line.pool.presetName, desired: 0 });
      const promote = store.sql('update templates set active_version_id = $2 where id = $1', [
        line.pool.templateId,
        versionId,
      ]);
      await Promise.all([promote, serve(replicaOf(n))]);
      const { outcome } = await line.look(id!);
      expect(['served', null]).toContain(outcome);
      // Whatever is left of the former version is not handed out any more.
      await line.turn();
      expect((await line.look(id!)).outcome).toBe(outcome);
    }
  });

  it('and a pool that drains: served or refused, and never both', async () => {
    for (let n = 0; n < 8; n++) {
      line = await openLine({ store, make });
      const ids = await inLine(2);
      await line.ready(1);
      const remove = store.sql('update templates set deleted_at = standby_now() where id = $1', [
        line.pool.templateId,
      ]);
      await Promise.all([remove, serve(replicaOf(n)), line.turn(replicaOf(n + 1))]);
      await line.turn();
      const [first, second] = await Promise.all(ids.map((id) => line.look(id)));
      expect(['served', 'refused']).toContain(first!.outcome);
      expect(second).toMatchObject({ outcome: 'refused', error_code: 'PRESET_GONE' });
    }
  });

  it('by a process that stood still gives nothing to whose deadline passed meanwhile', async () => {
    const late = await line.wait({ waitTimeoutSeconds: 60 });
    const patient = await line.wait({ waitTimeoutSeconds: 3_600 });
    const [workspaceId] = await line.ready(1);
    store.announced.length = 0;
    await serve({
      ...store.database,
      transaction: (work, options) =>
        store.database.transaction(
          (tx) =>
            work({
              ...tx,
              query: async (query) => {
                if (query.name.startsWith('claim.serve')) await store.advanceClock(61_000);
                return tx.query(query);
              },
            }),
          options,
        ),
    });
    expect(await servedWith([late, patient])).toEqual([null, null]);
    // Another turn, which has the next one's.
    expect(store.announced).toContainEqual({ kind: 'pool', poolId: line.pool.poolId });
    await line.turn();
    expect(await servedWith([late, patient])).toEqual([null, workspaceId]);
  });

  it('by a process that dies before it commits loses nobody and nothing', async () => {
    const ids = await inLine(3);
    const ready = await line.ready(2);
    installFailpoints((point) => {
      if (point === 'pool.decided') throw new Error('killed');
      return 'go';
    });
    await expect(line.turn()).rejects.toThrow('killed');
    installFailpoints(undefined);
    expect(await servedWith(ids)).toEqual([null, null, null]);
    await line.turn(replicaOf(1));
    expect(await servedWith(ids)).toEqual([...ready, null]);
  });
});
