// What a workspace goes on from whose update has failed: what stands by the state of its infrastructure.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { TestPool } from '../../support/factory.ts';
import { FAILED } from '../../support/queue.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import {
  agentsOf,
  createRebuildGrounds,
  OLD,
  stand,
  type RebuildGround,
} from './rebuild-ground.ts';

let store: TestStore;
let createGround: ReturnType<typeof createRebuildGrounds>;
let ground: RebuildGround;
let newer: TestPool;

beforeAll(async () => {
  store = await openTestStore();
  createGround = createRebuildGrounds(store);
});
afterAll(() => store.close());

beforeEach(async () => {
  ground = await createGround({ ...OLD, agents: agentsOf('old', 'main') });
  newer = await ground.promote({ agents: agentsOf('main', 'new') });
});

const agents = (): Promise<readonly { readonly name: string }[]> =>
  store.sql('select name from agents where workspace_id = $1 order by name', [ground.id]);

it('is deleted with the version that wrote the state, where the update changed none of it', async () => {
  await stand(ground);
  await ground.rebuild({ updates: true });
  expect(await ground.builtWriting([], FAILED)).toBe(newer.versionId);
  await ground.change('delete');
  expect(await ground.builtWriting(['{"serial":3}'], FAILED)).toBe(ground.pool.versionId);
  await ground.change('delete');
  expect(await ground.builtWriting([])).toBe(ground.pool.versionId);
});

it('is deleted with the newer version, where its update began to change the state', async () => {
  await stand(ground);
  await ground.rebuild({ updates: true, parameters: { size: 'big' } });
  await ground.builtWriting(['{"half":true}'], FAILED);
  await ground.change('delete');
  const { job } = await ground.begun();
  expect(job).toMatchObject({ versionId: newer.versionId, build: { parameters: { size: 'big' } } });
});

it('goes on from an update that succeeded, whether or not there was anything to change', async () => {
  await stand(ground);
  await ground.rebuild({ updates: true });
  await ground.builtWriting([]);
  await ground.change('stop');
  expect(await ground.builtWriting([])).toBe(newer.versionId);
});

it('tries the update again when it is started, and is as it was once it is stopped', async () => {
  await stand(ground);
  await ground.rebuild({ updates: true });
  await ground.builtWriting([], FAILED);
  await ground.change('start');
  expect(await ground.builtWriting([], FAILED)).toBe(newer.versionId);
  expect(await agents()).toEqual([{ name: 'main' }, { name: 'new' }]);

  await ground.change('stop');
  expect(await ground.builtWriting([])).toBe(ground.pool.versionId);
  expect(await agents()).toEqual([{ name: 'main' }, { name: 'old' }]);
  await ground.change('start');
  expect(await ground.builtWriting(['{"serial":3}'])).toBe(ground.pool.versionId);
});

it('goes on from what was begun last, where its driver keeps no state', async () => {
  await ground.rebuild({ updates: true });
  await ground.built(FAILED);
  await ground.change('delete');
  expect(await ground.built()).toMatchObject({ versionId: newer.versionId });
});
