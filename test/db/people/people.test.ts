import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Client } from '../../../src/client/client.ts';
import { readPages } from '../../../src/client/pages.ts';
import { peopleRoutes } from '../../../src/contract/people/route.ts';
import { startTestApi, type TestApi } from '../../support/api.ts';

let test: TestApi;
let ann: Client;
let bob: Client;

beforeAll(async () => {
  test = await startTestApi();
  for (const name of ['red', 'blue']) {
    await test.admin.call(peopleRoutes.createOrganization, { body: { name } });
  }
  ann = (await test.person('ann', ['red'])).client;
  bob = (await test.person('bob', ['blue'])).client;
});
afterAll(() => test[Symbol.asyncDispose]());

const names = async (client: Client): Promise<readonly string[]> => {
  const { body } = await client.call(peopleRoutes.listOrganizations, { query: {} });
  return body.items.map(({ name }) => name);
};

describe('an organization', () => {
  it('is seen by its members and by administrators', async () => {
    expect(await names(ann)).toEqual(['red']);
    expect(await names(bob)).toEqual(['blue']);
    expect(await names(test.admin)).toEqual(['blue', 'default', 'red']);
    const { body } = await ann.call(peopleRoutes.whoami, {});
    expect(body.user).toMatchObject({ username: 'ann', site_roles: [], status: 'active' });
    expect(body.organizations).toMatchObject([{ name: 'red', display_name: 'red' }]);
  });

  it('has its maker as a member', async () => {
    const { body } = await test.admin.call(peopleRoutes.createOrganization, {
      body: { name: 'green', display_name: 'Green' },
    });
    expect(body).toMatchObject({ name: 'green', display_name: 'Green' });
    const { body: me } = await test.admin.call(peopleRoutes.whoami, {});
    expect(me.organizations.map(({ name }) => name)).toContain('green');
  });

  it('has a name of its own', async () => {
    await expect(
      test.admin.call(peopleRoutes.createOrganization, { body: { name: 'red' } }),
    ).rejects.toMatchObject({
      code: 'NAME_TAKEN',
      detail: 'there is an organization "red" already',
    });
  });

  it('is listed page by page', async () => {
    const all = await names(test.admin);
    const seen: string[] = [];
    const pageSizes: number[] = [];
    const pages = readPages(async (part) => {
      const page = await test.admin.call(peopleRoutes.listOrganizations, {
        query: { limit: 2, ...part },
      });
      pageSizes.push(page.body.items.length);
      return page;
    });
    for await (const { name } of pages) seen.push(name);
    expect(pageSizes.slice(0, -1)).toEqual(pageSizes.slice(1).map(() => 2));
    expect(seen).toEqual(all);
  });

  it('takes a member once, and twice is the same', async () => {
    const member = { params: { organization: 'blue', username: 'ann' } };
    const first = await test.admin.call(peopleRoutes.addMember, member);
    expect(await test.admin.call(peopleRoutes.addMember, member)).toEqual(first);
    expect(await names(ann)).toEqual(['blue', 'red']);
  });

  it.each([
    ['nowhere', 'ann', 'NOT_FOUND'],
    ['blue', 'nobody', 'NOT_FOUND'],
    ['blue', 'prebuilds', 'FORBIDDEN'],
  ])('takes no member by %s/%s', async (organization, username, code) => {
    await expect(
      test.admin.call(peopleRoutes.addMember, { params: { organization, username } }),
    ).rejects.toMatchObject({ code });
  });
});

describe('a user', () => {
  it('who is no administrator may not manage others', async () => {
    const calls = [
      () => bob.call(peopleRoutes.createOrganization, { body: { name: 'mine' } }),
      () => bob.call(peopleRoutes.addMember, { params: { organization: 'red', username: 'bob' } }),
      () => bob.call(peopleRoutes.listUsers, { query: {} }),
      () => bob.call(peopleRoutes.createUser, { body: { username: 'evil', admin: true } }),
      () => bob.call(peopleRoutes.createToken, { body: { name: 'x', username: 'ann' } }),
      () => bob.call(peopleRoutes.createToken, { body: { name: 'x', username: 'no-one-at-all' } }),
      () => bob.call(peopleRoutes.createToken, { body: { name: 'x', username: 'prebuilds' } }),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('can be made an administrator', async () => {
    await test.admin.call(peopleRoutes.createUser, { body: { username: 'eve', admin: true } });
    const { body } = await test.admin.call(peopleRoutes.createToken, {
      body: { name: 'x', username: 'eve' },
    });
    expect(await names(test.clientWith(body.secret))).toContain('red');
  });

  it.each([
    [{ username: 'ann' }, 'NAME_TAKEN'],
    [{ username: 'prebuilds' }, 'NAME_TAKEN'],
    [{ username: 'me' }, 'NAME_INVALID'],
    [{ username: 'all' }, 'NAME_INVALID'],
    [{ username: 'carl', organizations: ['red', 'nowhere'] }, 'NOT_FOUND'],
  ])('is refused whole: %j', async (body, code) => {
    await expect(test.admin.call(peopleRoutes.createUser, { body })).rejects.toMatchObject({
      code,
    });
    const { body: users } = await test.admin.call(peopleRoutes.listUsers, { query: {} });
    expect(users.items.map(({ username }) => username)).not.toContain('carl');
  });

  it('is listed by name, without the system user', async () => {
    const { body } = await test.admin.call(peopleRoutes.listUsers, { query: {} });
    const listed = body.items.map(({ username }) => username);
    expect(listed).toEqual([...listed].sort());
    expect(listed).not.toContain('prebuilds');
  });
});

describe('a token', () => {
  it('cannot be made for the system user, by any way', async () => {
    await expect(
      test.admin.call(peopleRoutes.createToken, { body: { name: 'x', username: 'prebuilds' } }),
    ).rejects.toMatchObject({ code: 'FORBIDDEN' });
    const insert = `
      insert into tokens (id, user_id, user_is_system, name, hash, created_at)
      select gen_random_uuid(), id, is_system, 'x', sha256('x'), standby_now()
      from users where is_system`;
    await expect(
      test.database.query({ name: 'system token', text: insert, values: [] }),
    ).rejects.toMatchObject({ constraint: 'tokens_not_for_system_check' });
  });

  it("is shown to its owner alone, and is nobody else's to revoke", async () => {
    const made = await ann.call(peopleRoutes.createToken, {
      body: { name: 'ci', lifetime_seconds: 3_600 },
    });
    const { token, secret } = made.body;
    expect(secret).toMatch(/^sbt_[\w-]{43}$/);
    expect(Date.parse(token.expires_at ?? '') - Date.parse(token.created_at)).toBe(3_600_000);
    const mine = await ann.call(peopleRoutes.listTokens, { query: {} });
    expect(mine.body.items[0]).toMatchObject({ id: token.id, name: 'ci', username: 'ann' });
    const others = await bob.call(peopleRoutes.listTokens, { query: {} });
    expect(others.body.items.map(({ id }) => id)).not.toContain(token.id);

    const revoke = { params: { token: token.id } };
    await expect(bob.call(peopleRoutes.revokeToken, revoke)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    expect((await ann.call(peopleRoutes.revokeToken, revoke)).status).toBe(204);
    await expect(ann.call(peopleRoutes.revokeToken, revoke)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  it('can be revoked by an administrator', async () => {
    const { body } = await ann.call(peopleRoutes.createToken, { body: { name: 'x' } });
    await test.admin.call(peopleRoutes.revokeToken, { params: { token: body.token.id } });
    await expect(test.clientWith(body.secret).call(peopleRoutes.whoami, {})).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
  });
});
