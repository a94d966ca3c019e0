import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createToken } from '../../../src/base/token.ts';
import type { Handlers } from '../../../src/api/handler.ts';
import { peopleRoutes } from '../../../src/contract/people/route.ts';
import { problemSchema } from '../../../src/contract/problem.ts';
import type { Audience, Route } from '../../../src/contract/route.ts';
import { createMetricsAuthenticator } from '../../../src/people/authenticate.ts';
import { routes } from '../../../src/contract/routes.ts';
import { startTestApi, type TestApi } from '../../support/api.ts';

const guarded: readonly Route[] = Object.values(routes).filter(
  (route: Route) => route.audience !== 'anyone',
);

const METRICS_TOKEN = `sbm_${'m'.repeat(43)}`;

/** Handlers that nobody must reach without the right token. */
function unreachable(): Partial<Handlers> {
  const reached = (): Promise<never> => Promise.reject(new Error('the handler was reached'));
  return Object.fromEntries(guarded.map(({ id }) => [id, reached]));
}

describe('a route that is not open', () => {
  let test: TestApi;
  let tokens: Readonly<Record<Exclude<Audience, 'anyone'>, string>>;

  beforeAll(async () => {
    test = await startTestApi({
      handlers: unreachable,
      authenticators: {
        agent_bootstrap: async () => ({ workspaceId: 'w' as never }),
        agent: async () => ({ hash: '00', workspaceId: 'w' as never }),
        metrics: createMetricsAuthenticator({
          metricsToken: METRICS_TOKEN,
          findPerson: () => Promise.resolve(undefined),
        }),
      },
    });
    tokens = {
      person: test.adminToken,
      provisioner: test.provisionerKey,
      agent_bootstrap: 'sba_x',
      agent: 'sbs_x',
      metrics: METRICS_TOKEN,
    };
  });
  afterAll(() => test[Symbol.asyncDispose]());

  const wrong: readonly (readonly [string, (route: Route) => readonly (string | undefined)[]])[] = [
    ['no token', () => [undefined]],
    [
      'a wrong token',
      () => (['sbt', 'sbp'] as const).map((prefix) => createToken(test.kit.rng, prefix).secret),
    ],
    [
      'a token of another audience',
      ({ audience }) =>
        Object.entries(tokens).flatMap(([of, token]) => (of === audience ? [] : token)),
    ],
    ['something that is no token', () => ['x', 'sbt_', `sbt_${'y'.repeat(4_000)}`, 'sbt_ä']],
  ];

  describe.each(wrong)('refuses %s', (_what, choose) => {
    it.each(guarded.map((route) => [route.id, route] as const))('for %s', async (_id, route) => {
      for (const token of choose(route)) {
        const headers: Record<string, string> =
          token === undefined ? {} : { authorization: `Bearer ${encodeURI(token)}` };
        const path = route.path.replace(/\{\w+\}/g, 'x');
        const answer = await test.send(path, { method: route.method.toUpperCase(), headers });
        expect(answer.status, token).toBe(401);
        expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
        const problem = problemSchema.parse(await answer.json());
        expect(problem.code).toBe('UNAUTHENTICATED');
        if (token !== undefined && token.length > 8) {
          expect(JSON.stringify(problem)).not.toContain(token);
        }
      }
    });
  });
});

describe('a token', () => {
  let test: TestApi;
  beforeAll(async () => {
    test = await startTestApi();
  });
  afterAll(() => test[Symbol.asyncDispose]());

  const whoami = (token: string): Promise<number> =>
    test
      .send('/api/v1/whoami', { headers: { authorization: `Bearer ${token}` } })
      .then((answer) => answer.status);

  it('opens until it is revoked', async () => {
    const { body } = await test.admin.call(peopleRoutes.createToken, { body: { name: 'a' } });
    expect(await whoami(body.secret)).toBe(200);
    await test.admin.call(peopleRoutes.revokeToken, { params: { token: body.token.id } });
    expect(await whoami(body.secret)).toBe(401);
  });

  it('opens until it expires', async () => {
    const { body } = await test.admin.call(peopleRoutes.createToken, {
      body: { name: 'a', lifetime_seconds: 60 },
    });
    expect(await whoami(body.secret)).toBe(200);
    await test.sql(`update tokens set expires_at = standby_now() where id = '${body.token.id}'`);
    expect(await whoami(body.secret)).toBe(401);
  });

  it('opens nothing while its user is suspended', async () => {
    const { token } = await test.person('sleeper');
    expect(await whoami(token)).toBe(200);
    await test.sql(`update users set status = 'suspended' where username = 'sleeper'`);
    expect(await whoami(token)).toBe(401);
  });

  it('is stored as a hash alone', async () => {
    const { rows } = await test.database.query({
      name: 'dump',
      text: 'select tokens::text from tokens union all select provisioner_keys::text from provisioner_keys',
      values: [],
    });
    expect(rows.length).toBeGreaterThan(1);
    for (const secret of [test.adminToken, test.provisionerKey]) {
      expect(JSON.stringify(rows)).not.toContain(secret.slice(4));
    }
  });

  it('notes its use once a minute', async () => {
    const { token } = await test.person('worker');
    const lastUsed = async (): Promise<unknown> => {
      const { rows } = await test.database.query({
        name: 'last_used',
        text: `select last_used_at from tokens t join users u on u.id = t.user_id where username = 'worker'`,
        values: [],
      });
      return rows[0];
    };
    expect(await lastUsed()).toEqual([null]);
    await whoami(token);
    await expect.poll(lastUsed).toEqual([expect.any(Number)]);
    const first = await lastUsed();
    await whoami(token);
    await whoami(token);
    expect(await lastUsed()).toEqual(first);
    await test.sql(`update tokens set last_used_at = last_used_at - interval '61 seconds'`);
    const older = await lastUsed();
    await whoami(token);
    await expect.poll(lastUsed).not.toEqual(older);
  });
});
