import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import { poolRoutes } from '../../src/contract/pool/route.ts';
import { workspaceRoutes } from '../../src/contract/workspace/route.ts';
import type { CreateWorkspaceAnswer } from '../../src/contract/workspace/schema.ts';
import { createInstallation, type Installation } from '../support/installation.ts';
import { bodyOfCreated } from '../support/created.ts';
import { until } from '../support/until.ts';

let installation: Installation;
let client: Client;

beforeEach(async () => {
  installation = await createInstallation();
}, 60_000);

afterEach(async () => {
  await installation.remove();
  await until(() => expect(installation.processes()).toEqual([]));
}, 120_000);

const claim = async (name: string): Promise<CreateWorkspaceAnswer> => {
  const answer = await client.call(workspaceRoutes.createWorkspace, {
    params: { organization: 'default' },
    headers: { 'idempotency-key': name },
    body: { name, template: 'hello' },
  });
  return bodyOfCreated(answer);
};

const page = async (workspaceId: string): Promise<string> => {
  const params = { workspace: workspaceId };
  const { body } = await client.call(workspaceRoutes.getWorkspace, { params, query: {} });
  return (await fetch(body.outputs['url'] ?? '')).text();
};

const eligible = async (): Promise<number | undefined> => {
  const params = { organization: 'default', template: 'hello', preset: 'default' };
  return (await client.call(poolRoutes.getPool, { params })).body.state?.eligible;
};

describe('standby up', () => {
  it('from nothing fills a pool, hands over a greeting workspace, and finds all again', async () => {
    const said = await installation.up();
    expect(said).toMatch(/create demo --template hello/);
    client = await installation.client();

    const { workspace, claimed } = await claim('demo');
    expect(claimed).toBe(true);
    await until(async () =>
      expect(await page(workspace.id)).toContain('<h1>Hello, Administrator!</h1>'),
    );
    await until(async () => expect(await eligible()).toBe(2));

    expect(await installation.interrupt()).toMatch(/3 workspaces go on living/);
    await installation.up();
    client = await installation.client();
    expect(await eligible()).toBe(2);
    expect(await page(workspace.id)).toContain('<h1>Hello, Administrator!</h1>');

    expect(installation.down()).toMatch(/The servers have stopped; 3 workspaces stopped/);
    expect(installation.processes()).toEqual([]);
    await installation.up();
    client = await installation.client();
    // The person's one is back in its folder, with its owner; the pool was filled anew.
    await until(async () =>
      expect(await page(workspace.id)).toContain('<h1>Hello, Administrator!</h1>'),
    );
    await until(async () => expect(await installation.folders()).toHaveLength(3));
  }, 180_000);

  it('loses no answered claim when everything is killed while it fills and while it claims', async () => {
    await installation.up();
    client = await installation.client();
    const answered: string[] = [];
    const handedOver: string[] = [];
    for (const round of [1, 2]) {
      const claims = [1, 2, 3].map(async (n) => {
        const { workspace, claimed } = await claim(`demo-${round}-${n}`);
        answered.push(workspace.id);
        if (claimed) handedOver.push(workspace.id);
      });
      // At some instant of claiming and filling; claims that got no answer may fail.
      await Promise.race([Promise.allSettled(claims), sleep(150 * round)]);
      installation.killEverything();
      await Promise.allSettled(claims);
      await until(() => expect(installation.processes()).toEqual([]));
      await installation.up();
      client = await installation.client();
    }
    await until(async () => expect(await eligible()).toBe(2));
    const list = { owner: 'admin' };
    const { body } = await client.call(workspaceRoutes.listWorkspaces, { query: list });
    const mine = body.items.map(({ id }) => id);
    expect(mine).toEqual(expect.arrayContaining(answered));
    // One that was being built for its owner has failed with its daemon, and says so.
    for (const id of handedOver) {
      await until(async () => expect(await page(id)).toContain('<h1>Hello, Administrator!</h1>'));
    }
    const all = await client.call(workspaceRoutes.listWorkspaces, { query: { owner: 'all' } });
    // Those of other templates are no folders.
    const living = all.body.items.filter(
      ({ status, template }) => status === 'running' && template === 'hello',
    );
    await until(async () =>
      expect([...(await installation.folders())].sort()).toEqual(living.map(({ id }) => id).sort()),
    );
  }, 240_000);
});
