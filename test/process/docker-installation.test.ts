// A whole installation whose workspaces are containers with an agent in them.
import { execFileSync } from 'node:child_process';
import { copyFile, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import { poolRoutes } from '../../src/contract/pool/route.ts';
import { workspaceRoutes } from '../../src/contract/workspace/route.ts';
import type { WorkspaceView } from '../../src/contract/workspace/schema.ts';
import { hasDocker, startTestEngine, type TestEngine } from '../support/docker-engine.ts';
import { freePort } from '../support/free-port.ts';
import { createInstallation, type Installation } from '../support/installation.ts';
import { runBin } from '../support/program.ts';
import { until } from '../support/until.ts';

/** What agents run on: the Node.js of an image, or its shell and curl. */
const IMAGES = [
  { name: 'standby-test/node:1', programs: [process.execPath], runsAs: 'node' },
  { name: 'standby-test/curl:1', programs: ['/usr/bin/curl'], runsAs: 'sh' },
];

const manifestFor = (name: string, image: string): string => `name: ${name}
driver: docker
presets: [{name: small, prebuilds: {instances: 1}}]
agents: [{name: main, startup: ./start.sh, on_claim: ./greet.sh}]
docker:
  image: ${image}
  command: [httpd, -f, -p, "8080", -h, /data]
  ports: [8080]
  volumes: {data: /data}
`;

describe.runIf(hasDocker())('an installation with containers', () => {
  let engine: TestEngine;
  let installation: Installation;
  let scratch: string;
  let client: Client;

  beforeAll(async () => {
    engine = await startTestEngine();
    scratch = await mkdtemp(path.join(os.tmpdir(), 'standby-docker-installation-'));
    for (const image of IMAGES) await importImage(engine, path.join(scratch, image.runsAs), image);
    // Of the example that comes along: nothing is to be pulled.
    await engine.importImage('busybox:1.37', engine.busybox);
    const port = await freePort();
    const environment = {
      STANDBY_DOCKER_HOST: engine.host,
      STANDBY_HTTP_HOST: '0.0.0.0',
      STANDBY_HTTP_PORT: String(port),
      STANDBY_ACCESS_URL: `http://${engine.gateway}:${port}`,
      STANDBY_PROVISIONER_DRIVERS: 'docker',
    };
    installation = await createInstallation({ environment, port });
    expect(await installation.up()).toMatch(/daemon +docker\n/);
    client = await installation.client();
  }, 240_000);
  afterAll(async () => {
    await installation.remove();
    await engine.stop();
    await rm(scratch, { recursive: true });
  }, 240_000);

  describe.each(IMAGES)('of $name', (image) => {
    const templateName = `boxed-${image.runsAs}`;

    beforeAll(async () => {
      const template = path.join(scratch, templateName);
      await mkdir(template);
      await writeFile(path.join(template, 'standby.yaml'), manifestFor(templateName, image.name));
      const script = (name: string, text: string): Promise<void> =>
        writeFile(path.join(template, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
      await script('start.sh', 'echo up >> /data/starts');
      await script('greet.sh', 'echo "$STANDBY_OWNER" >> /data/owners');
      const pushed = await runBin(['template', 'push', template], {
        environment: { STANDBY_DATA_DIR: installation.dataDir },
      });
      expect(pushed).toMatchObject({ status: 0 });
    }, 240_000);

    const eligible = async (): Promise<number | undefined> => {
      const params = { organization: 'default', template: templateName, preset: 'small' };
      return (await client.call(poolRoutes.getPool, { params })).body.state?.eligible;
    };
    const show = async (id: string): Promise<WorkspaceView> =>
      (await client.call(workspaceRoutes.getWorkspace, { params: { workspace: id }, query: {} }))
        .body;
    const claim = async (name: string): Promise<WorkspaceView> => {
      const { body } = await client.call(workspaceRoutes.createWorkspace, {
        params: { organization: 'default' },
        headers: { 'idempotency-key': name },
        body: { name, template: templateName },
      });
      if (!('workspace' in body)) throw new Error('it waits');
      expect(body).toMatchObject({ claimed: true });
      await until(async () => expect((await show(body.workspace.id)).usable).toBe(true));
      return show(body.workspace.id);
    };
    const read = async ({ outputs }: WorkspaceView, file: string): Promise<string> => {
      const answer = await fetch(new URL(file, outputs['url']));
      return answer.ok ? answer.text() : '';
    };

    it('hands a warm container to its owner once, and leaves nothing of it', async () => {
      await until(async () => expect(await eligible()).toBe(1));
      const workspace = await claim(`demo-${image.runsAs}`);
      await until(async () => expect(await read(workspace, 'owners')).toBe('admin\n'));
      expect(await read(workspace, 'starts')).toBe('up\n');
      expect(workspace.outputs).toHaveProperty('port');

      const params = { workspace: workspace.id };
      const build = (transition: 'start' | 'stop') =>
        client.call(workspaceRoutes.createBuild, { params, body: { transition } });
      await build('stop');
      await until(async () => expect((await show(workspace.id)).status).toBe('stopped'));
      await build('start');
      await until(async () => expect(await read(workspace, 'starts')).toBe('up\nup\n'));
      await until(async () => expect((await show(workspace.id)).usable).toBe(true));
      expect(await read(workspace, 'owners')).toBe('admin\n');

      await client.call(workspaceRoutes.deleteWorkspace, { params });
      await until(async () => expect((await show(workspace.id)).status).toBe('deleted'));
      const own = { 'standby.workspace': workspace.id };
      expect(await engine.engine.listContainers(own)).toEqual([]);
      expect(await engine.engine.listVolumes(own)).toEqual([]);
    });

    it('starts an agent again that ended, and ends containers when it goes down', async () => {
      await until(async () => expect(await eligible()).toBe(1));
      const workspace = await claim(`other-${image.runsAs}`);
      const own = { 'standby.workspace': workspace.id };
      const [container] = await engine.engine.listContainers(own);
      const processes = await engine.engine.listProcesses(container?.id ?? '');
      const agent = new RegExp(`^${image.runsAs} /opt/standby/agent\\.\\w+ main$`);
      expect(processes.filter(({ command }) => agent.test(command))).not.toEqual([]);
      // The shell that looks for it has no command line that holds its name.
      const killing =
        'a=agent; for p in /proc/[0-9]*; do grep -q "/standby/$a" $p/cmdline && kill -9 $(basename $p); done';
      await engine.run(container?.id ?? '', ['sh', '-c', killing]);
      await until(async () => expect(await read(workspace, 'starts')).toBe('up\nup\n'));

      await installation.interrupt();
      const [alive] = await engine.engine.listContainers(own);
      expect(alive).toMatchObject({ id: container?.id, state: 'running' });
      const silent = await runBin(['down', '--json', '--data-dir', installation.dataDir], {
        environment: { STANDBY_DOCKER_HOST: 'tcp://127.0.0.1:1' },
      });
      expect(JSON.parse(silent.out)).toMatchObject({
        stopped_workspaces: 0,
        silent_engine: {
          address: 'tcp://127.0.0.1:1',
          because: expect.stringContaining('does not answer') as string,
        },
      });
      const told = await runBin(['down', '--data-dir', installation.dataDir], {
        environment: { STANDBY_DOCKER_HOST: 'tcp://127.0.0.1:1' },
      });
      expect(told).toMatchObject({
        status: 0,
        err: expect.stringContaining('engine at tcp://127.0.0.1:1 was not heard') as string,
      });
      expect(await engine.engine.listContainers(own)).toMatchObject([{ state: 'running' }]);
      expect(installation.down()).toMatch(/[1-9] workspaces? stopped/);
      const [ended] = await engine.engine.listContainers(own);
      expect(ended).toMatchObject({ id: container?.id, state: 'exited' });

      await installation.up();
      await until(async () => expect(await read(workspace, 'starts')).toBe('up\nup\nup\n'));
      expect(await read(workspace, 'owners')).toBe('admin\n');
    });
  });
});

/** Programs of this machine, with what they are linked with, beside the whole of busybox. */
async function importImage(
  engine: TestEngine,
  root: string,
  { name, programs }: (typeof IMAGES)[number],
): Promise<void> {
  await cp(engine.busybox, root, { recursive: true, verbatimSymlinks: true });
  execFileSync(path.join(root, 'bin/busybox'), ['--install', '-s', path.join(root, 'bin')]);
  for (const program of programs) {
    const linked = execFileSync('ldd', [program], { encoding: 'utf8' });
    const libraries = [...linked.matchAll(/(?:=> |^\t)(\/\S+) \(/gm)].map(([, file = '']) => file);
    for (const file of libraries) {
      await mkdir(path.join(root, path.dirname(file)), { recursive: true });
      await copyFile(file, path.join(root, file));
    }
    await copyFile(program, path.join(root, 'bin', path.basename(program)));
  }
  await engine.importImage(name, root);
}
