// templates/hello-terraform in a whole installation, with the program itself.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import { poolRoutes } from '../../src/contract/pool/route.ts';
import { workspaceRoutes } from '../../src/contract/workspace/route.ts';
import type { WorkspaceView } from '../../src/contract/workspace/schema.ts';
import { createInstallation, type Installation } from '../support/installation.ts';
import { hasTool } from '../support/tool.ts';
import { bodyOfCreated } from '../support/created.ts';
import { until } from '../support/until.ts';

const available = hasTool('terraform');

let installation: Installation;
let client: Client;

beforeEach(async () => {
  if (available) installation = await createInstallation();
}, 60_000);
afterEach(() => installation.remove(), 120_000);

const eligible = async (): Promise<number | undefined> => {
  const params = { organization: 'default', template: 'hello-terraform', preset: 'default' };
  return (await client.call(poolRoutes.getPool, { params })).body.state?.eligible;
};
const show = async (id: string): Promise<WorkspaceView> =>
  (await client.call(workspaceRoutes.getWorkspace, { params: { workspace: id }, query: {} })).body;

describe.runIf(available)('the example hello-terraform', () => {
  it('fills its pool, greets who claims from it, and goes when it is deleted', async () => {
    expect(await installation.up()).toContain('hello-terraform v1');
    client = await installation.client();
    await until(async () => expect(await eligible()).toBe(1));
    const answer = await client.call(workspaceRoutes.createWorkspace, {
      params: { organization: 'default' },
      headers: { 'idempotency-key': 'demo' },
      body: { name: 'demo', template: 'hello-terraform' },
    });
    const { claimed, workspace } = bodyOfCreated(answer);
    expect(claimed).toBe(true);
    const { id } = workspace;
    await until(async () => expect((await show(id)).usable).toBe(true));
    expect((await show(id)).outputs).toEqual({ greeting: 'Hello, admin!' });
    await client.call(workspaceRoutes.deleteWorkspace, { params: { workspace: id } });
    await until(async () => expect((await show(id)).status).toBe('deleted'));
  }, 240_000);
});
