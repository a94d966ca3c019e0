// What a pool keeps for those in line whose agents have yet to answer: they may need another prebuild in a moment.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createNoticeBus } from '../../../src/store/notice-bus.ts';
import { createAnsweringAgents, type AnsweringAgents } from '../../support/answering-agents.ts';
import { createFactory, type Factory } from '../../support/factory.ts';
import { openProvenLine, type ProvenLine } from '../../support/proven-line.ts';
import { createQueue, type TestQueue } from '../../support/queue.ts';
import { countLive } from '../../support/reconcile.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

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
  await size({ desired: 0, most: 2 });
});
afterEach(() => answering.end());

const size = ({ desired, most }: { readonly desired: number; readonly most: number | null }) =>
  store.sql('update presets set desired_instances = $2, max_instances = $3 where id = $1', [
    line.pool.presetId,
    desired,
    most,
  ]);

describe('while an agent is asked for somebody in line', () => {
  it('keeps one that is ready, which they are given where it does not answer', async () => {
    const id = await line.wait();
    const [dead, alive] = await answering.ready(line.pool, 'frozen', 'lives');
    const prove = await line.take();
    expect(await line.turn()).toEqual([]);
    expect(await prove()).toBe(false);
    await line.serve();
    expect(await line.see(id)).toMatchObject({ outcome: 'served', workspaceId: alive });
    expect(await line.claims()).toEqual([
      [dead, 'void'],
      [alive, 'hit'],
    ]);
  });

  it('keeps one that is to be built, and builds no other one', async () => {
    await line.wait();
    await answering.ready(line.pool, 'lives');
    await make.prebuild(line.pool);
    const prove = await line.take();
    expect(await line.turn()).toEqual([]);
    expect(await prove()).toBe(true);
    expect(await line.turn()).toEqual(['pool.canceled 1']);
  });

  it('keeps it until it has answered, and no more than one for each', async () => {
    await line.wait();
    const [, , kept] = await answering.ready(line.pool, 'lives', 'lives', 'lives');
    const prove = await line.take();
    const [first] = await store.sql<{ id: string }>(
      `select w.id from workspaces w join pool_members m on m.workspace_id = w.id
       where m.pool_id = $1 and m.transition = 'start'`,
      [line.pool.poolId],
    );
    expect(first).toEqual({ id: kept });
    expect(await prove()).toBe(true);
    expect(await line.turn()).toEqual(['pool.deleting 1 extraneous']);
    expect(await countLive(store, line.pool.poolId)).toEqual({ 'delete pending': 2 });
  });

  it('keeps none beyond the ceiling, as it builds none beyond it', async () => {
    await size({ desired: 0, most: null });
    await line.wait();
    await answering.ready(line.pool, 'lives', 'lives');
    const prove = await line.take();
    expect(await countLive(store, line.pool.poolId)).toEqual({ 'delete pending': 1 });
    expect(await prove()).toBe(true);
  });
});
