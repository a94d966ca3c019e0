import { afterAll, beforeAll, expect, it } from 'vitest';
import { createQuotaHandlers } from '../../../src/api/quota/handlers.ts';
import { createGroupHandlers } from '../../../src/api/group/handlers.ts';
import type { GroupId, OrganizationId, UserId } from '../../../src/base/id.ts';
import { createId } from '../../../src/base/id.ts';
import type { Client } from '../../../src/client/client.ts';
import { quotaRoutes } from '../../../src/contract/quota/route.ts';
import { insertGroup, insertGroupMember } from '../../../src/store/group.ts';
import { createFactory, type Factory } from '../../support/factory.ts';
import { startStoreApi, type StoreApi } from '../../support/store-api.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let api: StoreApi;
let organizationId: OrganizationId;
let ann: UserId;

const params = { organization: 'red' };

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  const { kit, database } = store;
  api = await startStoreApi(store, {
    ...createGroupHandlers({ kit, database }),
    ...createQuotaHandlers({ database }),
  });
  organizationId = await make.organization('red');
  ann = await make.user({ organizationId });
  const cost = { hourly: 1, currency: 'EUR' };
  const template = await make.template({ organizationId, manifest: { cost } });
  await make.workspace(template, { ownerId: ann });
  const scheduled = await make.pool(template, { name: 'scheduled', desired: 2 });
  await store.sql('update presets set schedules = $2 where id = $1', [
    scheduled.presetId,
    JSON.stringify([{ cron: '* 9 * * *', instances: 5 }]),
  ]);
  const resized = await make.pool(template, { name: 'resized', desired: 2 });
  await store.sql('update pools set size_override = 3 where id = $1', [resized.poolId]);
  const group = createId<GroupId>(kit);
  await insertGroup.one(database, {
    ...{ id: group, organizationId, name: 'few', displayName: 'few', allowance: 1_050 },
  });
  await insertGroupMember.run(database, { id: group, userId: ann });
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await store.close();
});

const show = async (client: Client): Promise<unknown> =>
  (await client.call(quotaRoutes.getQuota, { params })).body;

const enforce = async (
  client: Client,
  enforced: boolean,
  dry_run: 'true' | 'false' = 'false',
): Promise<unknown> => {
  const asked = { params, query: { dry_run }, body: { enforced } };
  return (await client.call(quotaRoutes.enforceQuota, asked)).body;
};

const PAGE = {
  organization: 'red',
  currencies: ['EUR'],
  mine: { daily_budget: 10.5, daily_use: 24 },
  pools: { daily_budget: 0, daily_use: 0, daily_need: 192 },
};

it('says what one may spend and does, and what the pools would need at their largest', async () => {
  expect(await show(api.as(ann))).toEqual({ ...PAGE, enforced: false, overspent: null });
});

it('is turned on and off by administrators, who are told who spends too much', async () => {
  const admin = api.as(await make.user({ isAdmin: true }), true);
  const [row] = await store.sql<{ username: string }>('select username from users where id = $1', [
    ann,
  ]);
  const overspent = [{ username: row!.username, daily_budget: 10.5, daily_use: 24 }];
  const mine = { daily_budget: 0, daily_use: 0 };
  const would = { ...PAGE, mine, enforced: true, overspent };
  expect(await enforce(admin, true, 'true')).toEqual(would);
  expect(await show(admin)).toMatchObject({ enforced: false });
  expect(await enforce(admin, true)).toEqual(would);
  expect(store.announced).toContainEqual({ kind: 'prebuilds' });
  expect(await show(api.as(ann))).toMatchObject({ enforced: true });
  await enforce(admin, false);
  expect(await show(api.as(ann))).toMatchObject({ enforced: false });
});

it('is changed by nobody else', async () => {
  await expect(enforce(api.as(ann), true)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  await expect(enforce(api.as(ann), true, 'true')).rejects.toMatchObject({ code: 'FORBIDDEN' });
  const outsider = api.as(await make.user());
  await expect(show(outsider)).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
