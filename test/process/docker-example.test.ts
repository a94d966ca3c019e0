// templates/hello-docker in a whole installation, with the program itself. Its image is made here under
// the name that the template wants: none is pulled.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import { poolRoutes } from '../../src/contract/pool/route.ts';
import { workspaceRoutes } from '../../src/contract/workspace/route.ts';
import type { WorkspaceView } from '../../src/contract/workspace/schema.ts';
import { bodyOfCreated } from '../support/created.ts';
import { hasDocker, startTestEngine, type TestEngine } from '../support/docker-engine.ts';
import { createInstallation, type Installation } from '../support/installation.ts';
import { until } from '../support/until.ts';

const IMAGE = 'busybox:1.37';

describe.runIf(hasDocker())('the example hello-docker', () => {
  let engine: TestEngine;
  let installation: Installation;
  let client: Client;

  beforeAll(async () => {
    engine = await startTestEngine();
    await engine.importImage(IMAGE, engine.busybox);
    installation = await createInstallation({
      environment: { STANDBY_DOCKER_HOST: engine.host, STANDBY_PROVISIONER_DRIVERS: 'docker' },
    });
  }, 120_000);
  afterAll(async () => {
    await installation.remove();
    await engine.stop();
  }, 120_000);

  const eligible = async (): Promise<number | undefined> => {
    const params = { organization: 'default', template: 'hello-docker', preset: 'default' };
    return (await client.call(poolRoutes.getPool, { params })).body.state?.eligible;
  };
  const show = async (id: string): Promise<WorkspaceView> =>
    (await client.call(workspaceRoutes.getWorkspace, { params: { workspace: id }, query: {} }))
      .body;

  it('fills its pool, serves its page to who claims from it, and goes when it is deleted', async () => {
    expect(await installation.up()).toContain('hello-docker v1');
    client = await installation.client();
    await until(async () => expect(await eligible()).toBe(2));
    const answer = await client.call(workspaceRoutes.createWorkspace, {
      params: { organization: 'default' },
      headers: { 'idempotency-key': 'demo' },
      body: { name: 'demo', template: 'hello-docker' },
    });
    const { claimed, workspace } = bodyOfCreated(answer);
    expect(claimed).toBe(true);
    await until(async () => expect((await show(workspace.id)).usable).toBe(true));
    const { outputs } = await show(workspace.id);
    const page = await fetch(outputs['url'] ?? '');
    expect(await page.text()).toMatch(/^Hello from the container [0-9a-f]{12}!\n$/);
    await client.call(workspaceRoutes.deleteWorkspace, { params: { workspace: workspace.id } });
    await until(async () => expect((await show(workspace.id)).status).toBe('deleted'));
    const own = { 'standby.workspace': workspace.id };
    expect(await engine.engine.listVolumes(own)).toEqual([]);
  }, 240_000);
});
