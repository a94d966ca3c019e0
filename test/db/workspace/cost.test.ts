import { afterAll, beforeAll, expect, it } from 'vitest';
import type { OrganizationId, UserId } from '../../../src/base/id.ts';
import { changeWorkspace } from '../../../src/workspaces/change-workspace.ts';
import { createBuilder, FAILED, type Builder } from '../../support/builder.ts';
import { createFactory, type Factory, type TestTemplate } from '../../support/factory.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let builder: Builder;
let organizationId: OrganizationId;
let ann: UserId;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  builder = createBuilder(store);
  organizationId = await make.organization();
  ann = await make.user({ organizationId });
});
afterAll(() => store.close());

const templateOf = (hourly: number | null): Promise<TestTemplate> =>
  make.template({
    organizationId,
    manifest: { cost: hourly === null ? null : { hourly, currency: 'EUR' } },
  });

const costs = async (workspaceId: string): Promise<readonly number[]> => {
  const rows = await store.sql<{ daily_cost: number }>(
    'select daily_cost from builds where workspace_id = $1 order by number',
    [workspaceId],
  );
  return rows.map((row) => row.daily_cost);
};

it.each([
  [null, 0],
  [0, 0],
  [0.42, 1_008],
  // Rounded up: what costs anything is not free.
  [0.0000001, 1],
  [1_000_000, 2_400_000_000],
])('a build of what costs %s an hour costs %d hundredths a day', async (hourly, daily) => {
  const { workspaceId } = await make.workspace(await templateOf(hourly), { ownerId: ann });
  expect(await costs(workspaceId)).toEqual([daily]);
});

it('costs until it was stopped, however often that fails, and again from its next start on', async () => {
  const { workspaceId: id } = await make.workspace(await templateOf(1), { ownerId: ann });
  await builder.buildAll();
  const change = (transition: 'start' | 'stop'): Promise<void> =>
    changeWorkspace(
      { ...store.kit, database: store.database },
      { userId: ann, isAdmin: false },
      { id, transition },
    );
  await change('stop');
  await builder.buildAll(FAILED);
  await change('stop');
  expect(await costs(id)).toEqual([2_400, 2_400, 2_400]);
  await builder.buildAll();
  await change('start');
  expect(await costs(id)).toEqual([2_400, 2_400, 0, 2_400]);
});
