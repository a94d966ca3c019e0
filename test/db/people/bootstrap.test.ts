import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createToken } from '../../../src/base/token.ts';
import { peopleRoutes } from '../../../src/contract/people/route.ts';
import { bootstrapInstallation } from '../../../src/people/bootstrap.ts';
import { startTestApi, type TestApi } from '../../support/api.ts';

let test: TestApi;
beforeAll(async () => {
  test = await startTestApi(); // which runs it for the first time
});
afterAll(() => test[Symbol.asyncDispose]());

const world = async (): Promise<unknown> => {
  const { rows } = await test.database.query({
    name: 'world',
    text: `
      select 'organization', to_jsonb(o) from organizations o
      union all select 'user', to_jsonb(u) from users u
      union all select 'membership', to_jsonb(m) from memberships m
      union all select 'token', to_jsonb(t) - 'last_used_at' from tokens t
      union all select 'key', to_jsonb(k) from provisioner_keys k
      order by 1, 2`,
    values: [],
  });
  return rows;
};

const secrets = (): { readonly adminToken: string; readonly provisionerKey: string } => ({
  adminToken: test.adminToken,
  provisionerKey: test.provisionerKey,
});

describe('the first start', () => {
  it('makes an organization, and an administrator in it who holds the token', async () => {
    const { body } = await test.admin.call(peopleRoutes.whoami, {});
    expect(body.user).toMatchObject({ username: 'admin', site_roles: ['admin'] });
    expect(body.organizations).toMatchObject([{ name: 'default' }]);
  });

  it('changes nothing when it runs again, by several at once', async () => {
    const before = await world();
    await Promise.all(Array.from({ length: 4 }, () => bootstrapInstallation(test, secrets())));
    expect(await world()).toEqual(before);
  });

  it('lets in whoever holds new secrets, and does not revive a revoked token', async () => {
    const { body } = await test.admin.call(peopleRoutes.listTokens, { query: {} });
    const first = body.items.find(({ name }) => name === 'first start');
    const other = createToken(test.kit.rng, 'sbt').secret;
    await bootstrapInstallation(test, { ...secrets(), adminToken: other });
    const second = test.clientWith(other);
    await second.call(peopleRoutes.revokeToken, { params: { token: first?.id ?? '' } });
    await bootstrapInstallation(test, secrets());
    await expect(test.admin.call(peopleRoutes.whoami, {})).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
    expect((await second.call(peopleRoutes.whoami, {})).body.user.username).toBe('admin');
  });
});
