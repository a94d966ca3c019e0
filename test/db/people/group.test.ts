import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createGroupHandlers } from '../../../src/api/group/handlers.ts';
import type { Client } from '../../../src/client/client.ts';
import { groupRoutes } from '../../../src/contract/group/route.ts';
import { peopleRoutes } from '../../../src/contract/people/route.ts';
import { startTestApi, type TestApi } from '../../support/api.ts';
import { createDeferred } from '../../support/deferred.ts';
import { somebodyWaits } from '../../support/held-turn.ts';

let test: TestApi;
let ann: Client;
let made = 0;
let group: string;

const inRed = { organization: 'red' };

beforeAll(async () => {
  test = await startTestApi({ handlers: createGroupHandlers });
  await test.admin.call(peopleRoutes.createOrganization, { body: { name: 'red' } });
  await test.admin.call(peopleRoutes.createOrganization, { body: { name: 'blue' } });
  ann = (await test.person('ann', ['red'])).client;
  await test.person('bob', ['blue']);
});
afterAll(() => test[Symbol.asyncDispose]());

beforeEach(async () => {
  made += 1;
  group = `group-${made}`;
  await test.admin.call(groupRoutes.createGroup, {
    params: inRed,
    body: { name: group, daily_allowance: 12.5 },
  });
});

const put = (username: string): Promise<unknown> =>
  test.admin.call(groupRoutes.addGroupMember, { params: { ...inRed, group, username } });

describe('a group', () => {
  it('allows its members something, and is seen by everybody in the organization', async () => {
    await put('ann');
    await put('ann');
    const { body } = await ann.call(groupRoutes.getGroup, { params: { ...inRed, group } });
    expect(body).toMatchObject({
      ...{ name: group, display_name: group, daily_allowance: 12.5 },
      ...{ member_count: 1, members: ['ann'] },
    });
  });

  it('changes only in what is given', async () => {
    const params = { ...inRed, group };
    await test.admin.call(groupRoutes.changeGroup, { params, body: { display_name: 'Ours' } });
    const { body } = await test.admin.call(groupRoutes.changeGroup, {
      params,
      body: { daily_allowance: 0.29 },
    });
    expect(body).toMatchObject({ display_name: 'Ours', daily_allowance: 0.29 });
  });

  it('is left by one, or deleted, and its members stay in the organization', async () => {
    await put('ann');
    const params = { ...inRed, group };
    const { body } = await test.admin.call(groupRoutes.removeGroupMember, {
      params: { ...params, username: 'ann' },
    });
    expect(body.members).toEqual([]);
    await put('ann');
    await test.admin.call(groupRoutes.deleteGroup, { params });
    await expect(ann.call(groupRoutes.getGroup, { params })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      detail: `there is no group "${group}"`,
    });
    const { body: me } = await ann.call(peopleRoutes.whoami, {});
    expect(me.organizations).toMatchObject([{ name: 'red' }]);
  });

  it('is listed page by page, by name', async () => {
    const first = await ann.call(groupRoutes.listGroups, { params: inRed, query: { limit: 1 } });
    expect(first.body.items).toMatchObject([{ name: 'group-1' }]);
    expect(first.body.next_cursor).toBe('group-1');
  });

  it('that is deleted at that moment takes in nobody', async () => {
    const deleted = createDeferred<undefined>();
    const done = createDeferred<undefined>();
    const deleting = test.database.transaction(async (tx) => {
      await tx.query({ name: '', text: 'delete from groups where name = $1', values: [group] });
      deleted.resolve(undefined);
      await done.promise;
    });
    await deleted.promise;
    const putting = expect(put('ann')).rejects.toMatchObject({
      code: 'NOT_FOUND',
      detail: `there is no group "${group}"`,
    });
    await somebodyWaits(test);
    done.resolve(undefined);
    await deleting;
    await putting;
  });

  it('takes in nobody from outside the organization, and nobody who does not exist', async () => {
    await expect(put('bob')).rejects.toMatchObject({
      code: 'NOT_FOUND',
      detail: 'user "bob" is not a member of organization "red"',
      hint: 'Make them one first: `standby org add-member red bob`.',
    });
    await expect(put('nobody')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(put('prebuilds')).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('is changed by administrators alone', async () => {
    const params = { ...inRed, group };
    const asks = [
      () => ann.call(groupRoutes.createGroup, { params: inRed, body: { name: 'mine' } }),
      () => ann.call(groupRoutes.changeGroup, { params, body: { daily_allowance: 9 } }),
      () => ann.call(groupRoutes.deleteGroup, { params }),
      () => ann.call(groupRoutes.addGroupMember, { params: { ...params, username: 'ann' } }),
      () => ann.call(groupRoutes.removeGroupMember, { params: { ...params, username: 'ann' } }),
    ];
    for (const ask of asks) await expect(ask()).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('is unknown to those outside of its organization', async () => {
    const bob = (await test.person('carl', ['blue'])).client;
    await expect(
      bob.call(groupRoutes.getGroup, { params: { ...inRed, group } }),
    ).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('has a name of its own, and an allowance that is an amount', async () => {
    const make = (daily_allowance: number, name = 'other'): Promise<unknown> =>
      test.admin.call(groupRoutes.createGroup, { params: inRed, body: { name, daily_allowance } });
    await expect(make(1, group)).rejects.toMatchObject({ code: 'NAME_TAKEN' });
    for (const amount of [-1, 0.001, 1_000_000_001]) {
      await expect(make(amount)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    }
  });

  it('of the pools is not deleted', async () => {
    const params = { ...inRed, group: 'prebuilt-workspaces' };
    await test.admin.call(groupRoutes.createGroup, {
      params: inRed,
      body: { name: 'prebuilt-workspaces' },
    });
    await expect(test.admin.call(groupRoutes.deleteGroup, { params })).rejects.toMatchObject({
      code: 'FORBIDDEN',
      hint: 'Set its allowance to 0 instead.',
    });
  });
});
