// What the docker driver does beyond what every driver has to (test/conformance): what it tells the
// engine, what takes a container's place, and what somebody else does to containers.
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { installFailpoints, type Failpoint } from '../../src/base/failpoint.ts';
import { createId } from '../../src/base/id.ts';
import type { Manifest, ReadyCheck } from '../../src/contract/manifest/schema.ts';
import type { JobWorkspace } from '../../src/contract/provisioner/protocol.ts';
import type {
  Build,
  Driver,
  DriverContext,
  Machine,
  Outputs,
} from '../../src/provisioner/driver.ts';
import type { DockerDriverOptions } from '../../src/provisioner/drivers/docker/driver.ts';
import type { ImageRecipe } from '../../src/provisioner/drivers/docker/engine/engine.ts';
import { createRedactor } from '../../src/provisioner/tool/redact.ts';
import { sampleOwner, sampleWorkspace } from '../support/acquired-job.ts';
import { BUSYBOX, hasDocker, startTestEngine, type TestEngine } from '../support/docker-engine.ts';
import { createDockerHome, dockerManifest, type DockerHome } from '../support/docker-home.ts';
import { until } from '../support/until.ts';

describe.runIf(hasDocker())('the docker driver', () => {
  let engine: TestEngine;
  let home: DockerHome;
  let driver: Driver;
  let scratch: string;

  beforeAll(async () => {
    engine = await startTestEngine();
  });
  afterAll(() => engine.stop());
  beforeEach(async () => {
    scratch = await mkdtemp(path.join(os.tmpdir(), 'standby-docker-driver-'));
    home = createDockerHome(engine);
    await open();
  });
  afterEach(async () => {
    installFailpoints(undefined);
    await machine().close();
    await home.remove();
    await rm(scratch, { recursive: true });
  });

  async function open(change: Partial<DockerDriverOptions> = {}): Promise<void> {
    driver = home.open(change);
    await machine().open();
  }
  function machine(): Machine {
    if (driver.machine === undefined) throw new Error('the docker driver has a machine');
    return driver.machine;
  }

  const lines: string[] = [];
  const context = (): DriverContext => ({
    redactor: createRedactor(),
    log: (_level, line) => lines.push(line),
    tellReplaced: () => undefined,
    signal: new AbortController().signal,
    templateFolder: async () => {
      const copy = path.join(scratch, createId(home.kit));
      await cp(path.join(scratch, 'template'), copy, { recursive: true });
      return copy;
    },
    stateFile: () => Promise.reject(new Error('the docker driver keeps no state')),
    folder: '',
  });
  const build = (
    manifest: Manifest = dockerManifest(),
    workspace: Partial<JobWorkspace> = {},
  ): Build => ({
    jobId: createId(home.kit),
    attempt: 1,
    template: {
      name: 't',
      version_id: createId(home.kit),
      file_hash: createId(home.kit).replaceAll('-', ''),
      manifest,
    },
    workspace: sampleWorkspace(workspace),
  });
  const next = (
    former: Build,
    change: Partial<JobWorkspace>,
    template = former.template,
  ): Build => ({
    jobId: createId(home.kit),
    attempt: 1,
    template,
    workspace: { ...former.workspace, ...change },
  });
  const start = async (made: Build): Promise<Outputs> =>
    (await driver.start(made, context())).outputs;
  const read = (url: string | undefined, file: string): Promise<string> =>
    until(async () => {
      const answer = await fetch(new URL(file, url));
      if (!answer.ok) throw new Error(`${file}: ${answer.status}`);
      return answer.text();
    });
  const containers = () => engine.engine.listContainers({ 'standby.daemon': home.daemon });
  const stateOf = async ({ workspace }: Build): Promise<string | undefined> =>
    (await machine().inspect()).find(({ id }) => id === workspace.id)?.state;
  const readyOf = async ({ workspace }: Build): Promise<boolean | null | undefined> =>
    (await machine().inspect()).find(({ id }) => id === workspace.id)?.ready;

  /** A page for each file in the volume, a new one of every start. */
  const WRITING = [
    'sh',
    '-c',
    'echo "$STANDBY_PARAMETER_SIZE" >> /data/sizes; exec httpd -f -p 8080 -h /data',
  ];

  describe('gives a container', () => {
    it('nothing of the machine, its limits, and no secret in a label', async () => {
      const limits = { memory_bytes: 64 * 1024 ** 2, cpus: 0.5, processes: 32 };
      const made = build(dockerManifest({ limits }), { parameters: { token: 'canary-of-gold' } });
      await start(made);
      const [container] = await containers();
      const seen = await engine.inspect(container?.id ?? '');
      expect(seen.HostConfig).toMatchObject({
        Privileged: false,
        Binds: null,
        Devices: null,
        CapAdd: null,
        PidMode: '',
        Memory: limits.memory_bytes,
        MemorySwap: limits.memory_bytes,
        NanoCpus: 500_000_000,
        PidsLimit: 32,
        PortBindings: { '8080/tcp': [{ HostIp: '127.0.0.1' }] },
      });
      expect(seen.Mounts).toMatchObject([{ Type: 'volume', Destination: '/data' }]);
      expect(JSON.stringify(container)).not.toContain('canary');
      expect(container?.labels).toMatchObject({
        'standby.daemon': home.daemon,
        'standby.workspace': made.workspace.id,
        'standby.job': made.jobId,
        'standby.attempt': '1',
        'standby.template': 't',
      });
    });

    it('parameters as values that nothing runs', async () => {
      const evil = '$(touch /data/pwned)`touch /data/pwned`\nNEXT=line';
      const { url } = await start(
        build(dockerManifest({ command: WRITING }), { parameters: { size: evil } }),
      );
      expect(await read(url, 'sizes')).toBe(`${evil}\n`);
      expect((await fetch(new URL('pwned', url))).status).toBe(404);
    });

    it('no network but those that are allowed', async () => {
      const manifest = dockerManifest({ network: 'host', ports: [] });
      const refusal = {
        code: 'TEMPLATE_REFUSED',
        detail: expect.stringContaining('network "host"') as string,
      };
      await expect(driver.check(build(manifest).template, context())).rejects.toMatchObject(
        refusal,
      );
      await expect(start(build(manifest))).rejects.toMatchObject(refusal);
      expect(await home.remains()).toEqual([]);
      await machine().close();
      await open({ networks: ['host'] });
      await driver.check(build(manifest).template, context());
    });
  });

  describe('on a port', () => {
    it('that another program has draws another one', async () => {
      const { server, port } = await listenInRange();
      await machine().close();
      const rng = { ...home.kit.rng, next: () => (port - 10_000) / 10_000 };
      home = createDockerHome(engine, { rng });
      await open();
      const outputs = await start(build());
      expect(outputs['port']).toBe(String(port === 19_999 ? 10_000 : port + 1));
      server.close();
    });

    it('that a stopped workspace keeps says that another program has it', async () => {
      const made = build();
      const { port = '' } = await start(made);
      await driver.stop(made, context());
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(Number(port), '127.0.0.1', resolve));
      const again = start(next(made, {}));
      await expect(again).rejects.toMatchObject({
        code: 'BUILD_FAILED',
        detail: expect.stringContaining(port) as string,
      });
      expect(await stateOf(made)).toBe('stopped');
      await new Promise((resolve) => server.close(resolve));
      expect(await start(next(made, {}))).toMatchObject({ port });
    });
  });

  describe('replaces a container', () => {
    const sized = (size: string): Partial<JobWorkspace> => ({ parameters: { size } });

    it('whose parameters change, and keeps its volumes and its port', async () => {
      const made = build(dockerManifest({ command: WRITING }), sized('1'));
      const outputs = await start(made);
      const [former] = await containers();
      expect(await start(next(made, sized('2')))).toEqual(outputs);
      expect(await read(outputs['url'], 'sizes')).toBe('1\n2\n');
      const now = await containers();
      expect(now.map(({ name }) => name)).toEqual([`standby-${made.workspace.id}`]);
      expect(now[0]?.id).not.toBe(former?.id);
      expect(now[0]?.labels).toMatchObject({ 'standby.job': made.jobId });
    });

    it('and no other one at a claim, which finds everything warm', async () => {
      const made = build(dockerManifest({ command: WRITING }), sized('1'));
      const { url } = await start(made);
      await read(url, 'sizes');
      const owner = sampleOwner({ username: 'ann' });
      await start(next(made, { stage: 'claim', epoch: 1, name: 'demo', owner }));
      expect(await read(url, 'sizes')).toBe('1\n');
    });

    it('only when the new one runs: the former one is there, stopped, after a failure', async () => {
      const made = build(dockerManifest({ command: WRITING }), sized('1'));
      const { url } = await start(made);
      await read(url, 'sizes');
      const broken = {
        ...made.template,
        manifest: dockerManifest({ volumes: { data: '/bin/busybox' } }),
      };
      await expect(start(next(made, {}, broken))).rejects.toMatchObject({ code: 'BUILD_FAILED' });
      expect(await stateOf(made)).toBe('stopped');
      await start(next(made, {}));
      expect(await read(url, 'sizes')).toBe('1\n1\n');
    });

    it.each([
      'docker.start.created',
      'docker.start.started',
      'docker.start.named',
    ] satisfies Failpoint[])('and has one after a daemon was killed at %s', async (point) => {
      const made = build(dockerManifest({ command: WRITING }), sized('1'));
      await start(made);
      const lost = next(made, sized('2'));
      const reached = new Promise<void>((resolve) => {
        installFailpoints((at) => {
          if (at !== point) return undefined;
          resolve();
          return new Promise(() => undefined);
        });
      });
      start(lost).catch(() => undefined); // it never ends
      await reached;
      installFailpoints(undefined);
      await machine().close();
      await open();
      await driver.undo(lost);
      expect(await containers()).toHaveLength(1);
      const { url } = await start(next(made, sized('3')));
      expect(await read(url, 'sizes')).toMatch(/^1\n(2\n)?3\n$/);
      expect(await containers()).toHaveLength(1);
    });
  });

  describe('when somebody else', () => {
    it('kills a container, tells that it is gone, and brings it back', async () => {
      const made = build(dockerManifest({ command: WRITING }));
      const { url } = await start(made);
      const [container] = await containers();
      await engine.engine.stopContainer(container?.id ?? '', 0);
      await until(async () => expect(await stateOf(made)).toBe('gone'));
      await machine().restart(made.workspace.id);
      expect(await stateOf(made)).toBe('running');
      expect(await read(url, 'sizes')).toBe('\n\n');
    });

    it('pauses a container, tells that it is gone, and lets it go on or ends it', async () => {
      const made = build(dockerManifest({ command: WRITING }));
      const { url } = await start(made);
      await read(url, 'sizes');
      const [container] = await containers();
      await engine.pause(container?.id ?? '');
      await until(async () => expect(await stateOf(made)).toBe('gone'));
      await machine().restart(made.workspace.id);
      expect(await stateOf(made)).toBe('running');
      expect(await read(url, 'sizes')).toBe('\n');
      await engine.pause(container?.id ?? '');
      await driver.stop(next(made, {}), context());
      expect(await stateOf(made)).toBe('stopped');
      await start(next(made, {}));
      expect(await read(url, 'sizes')).toBe('\n\n');
      await engine.pause(container?.id ?? '');
      await start(next(made, {}));
      expect(await read(url, 'sizes')).toBe('\n\n');
      await engine.pause(container?.id ?? '');
      await driver.delete(next(made, {}), context());
      expect(await home.remains()).toEqual([]);
    });

    it('removes a container, keeps the volumes for the next start', async () => {
      const made = build(dockerManifest({ command: WRITING }));
      const first = await start(made);
      await read(first['url'], 'sizes');
      const [container] = await containers();
      await engine.engine.removeContainer(container?.id ?? '');
      expect(await stateOf(made)).toBe('gone');
      await expect(machine().restart(made.workspace.id)).rejects.toThrow(
        'removed by somebody else',
      );
      const { url } = await start(next(made, {}));
      expect(await read(url, 'sizes')).toBe('\n\n');
      await machine().remove(made.workspace.id);
      expect(await home.remains()).toEqual([]);
    });

    it('uses the engine too, leaves what is theirs alone', async () => {
      const other = createDockerHome(engine);
      const theirs = other.open();
      const made = build();
      await theirs.start(made, context());
      expect(await machine().inspect()).toEqual([]);
      await driver.undo(made);
      await machine().remove(made.workspace.id);
      expect(await other.remains()).toHaveLength(2);
      await expect(start(next(made, {}))).rejects.toMatchObject({ code: 'BUILD_FAILED' });
      expect(await other.remains()).toHaveLength(2);
      await other.remove();
    });
  });

  it('fails a start whose command has ended by then, with what it ended with', async () => {
    let isEnded = false;
    const { engine: real } = engine;
    await machine().close();
    await open({
      engine: {
        ...real,
        // Others are still at work there when the container has ended.
        startContainer: async (id) => {
          await real.startContainer(id);
          await until(async () => expect((await real.readLife(id)).restarts).toBeGreaterThan(0));
          isEnded = true;
        },
      },
    });
    await expect(start(build(dockerManifest({ command: ['false'] })))).rejects.toMatchObject({
      code: 'BUILD_FAILED',
      detail: expect.stringMatching(
        /^the container's command ended at once(, with exit status 1)?$/,
      ) as string,
    });
    expect(isEnded).toBe(true);
    expect(await home.remains()).toEqual([]);
  });

  it('tells that a command which ends over and over is gone, and leaves it to the engine', async () => {
    const steady = build();
    const broken = build(dockerManifest({ command: ['sh', '-c', 'sleep 0.5; false'] }));
    await start(steady);
    await start(broken);
    await until(async () => expect(await stateOf(broken)).toBe('gone'));
    expect(await stateOf(steady)).toBe('running');
    await machine().restart(broken.workspace.id);
    expect(await containers()).toHaveLength(2);
  });

  it('says nothing of workspaces while the engine is away, and all of it when it is back', async () => {
    const made = build();
    const { url } = await start(made);
    await read(url, 'pid');
    await engine.halt();
    expect(await machine().inspect()).toEqual([]);
    await expect(start(build())).rejects.toMatchObject({
      code: 'BUILD_FAILED',
      detail: expect.stringContaining('does not answer') as string,
    });
    await engine.resume();
    await until(async () => expect(await stateOf(made)).toBe('running'));
    await read(url, 'pid');
  });

  describe('makes a ready check', () => {
    const check = (change: Partial<ReadyCheck>): ReadyCheck => ({
      http: null,
      tcp: null,
      command: null,
      interval_seconds: 0.1,
      timeout_seconds: 5,
      ...change,
    });
    const LATE = [
      'sh',
      '-c',
      'until test -e /data/go; do sleep 0.1; done; exec httpd -f -p 8080 -h /data',
    ];

    it.each([
      ['http', check({ http: '/go' })],
      ['tcp', check({ tcp: 8080 })],
      ['the own port', check({})],
      ['a command', check({ command: ['sh', '-c', 'test -e /data/go'] })],
    ])('of %s', async (_kind, ready) => {
      const made = build(dockerManifest({ command: LATE }, { ready }));
      let news = 0;
      machine().onChange(() => (news += 1));
      await start(made);
      const [container] = await containers();
      await until(() => expect(news).toBeGreaterThan(1));
      expect(await readyOf(made)).toBe(false);
      await engine.run(container?.id ?? '', ['touch', '/data/go']);
      await until(async () => expect(await readyOf(made)).toBe(true));
    });
  });

  describe('with agents', () => {
    const agents = [
      {
        name: 'main',
        startup: null,
        on_claim: null,
        startup_timeout_seconds: 60,
        on_claim_timeout_seconds: 60,
      },
    ];
    const PROGRAMS = { node: import.meta.filename, shell: import.meta.filename };
    const reachable = { access_url: 'http://192.0.2.1:7850' };

    it('says that their control plane cannot be reached from inside', async () => {
      const made = build(dockerManifest({}, { agents }), { access_url: 'http://127.0.0.1:7850' });
      await expect(start(made)).rejects.toMatchObject({
        code: 'BUILD_FAILED',
        hint: expect.stringContaining('STANDBY_ACCESS_URL') as string,
      });
      expect(await home.remains()).toEqual([]);
    });

    it('starts none beside one that lives on while the engine is started anew', async () => {
      const image = path.join(scratch, 'image');
      await cp(engine.busybox, image, { recursive: true, verbatimSymlinks: true });
      // What it runs is told by its command line alone, as with Node.js.
      const node =
        '#!/bin/sh\n[ "$1" = -e ] && exit\necho "$2" >> /data/agents\nwhile :; do sleep 1; done\n';
      await writeFile(path.join(image, 'bin/node'), node, { mode: 0o755 });
      await engine.importImage('standby-test/agents:1', image);
      await mkdir(path.join(scratch, 'template'));
      await engine.halt();
      await engine.resume({ 'live-restore': true });
      await machine().close();
      await open({ agentPrograms: PROGRAMS });
      const two = [...agents, ...agents.map((agent) => ({ ...agent, name: 'second' }))];
      const made = build(
        dockerManifest({ image: 'standby-test/agents:1' }, { agents: two }),
        reachable,
      );
      const { url } = await start(made);
      expect(await read(url, 'agents')).toMatch(/^(main\nsecond|second\nmain)\n$/);

      await engine.halt();
      await engine.resume({ 'live-restore': true });
      await start(next(made, {}));
      expect(await read(url, 'agents')).toMatch(/^(main\nsecond|second\nmain)\n$/);
      await driver.delete(next(made, {}), context());
      await engine.halt();
      await engine.resume();
    });
  });

  describe('builds an image', () => {
    it('of a Dockerfile in the template, once', async () => {
      await mkdir(path.join(scratch, 'template'));
      await writeFile(
        path.join(scratch, 'template/Dockerfile'),
        `FROM ${BUSYBOX}\nCOPY hello /page/hello\nRUN echo built > /page/built\nCMD httpd -f -p 8080 -h /page\n`,
      );
      await writeFile(path.join(scratch, 'template/hello'), 'hello');
      const manifest = dockerManifest({ image: null, build: './Dockerfile', command: null });
      const made = build(manifest);
      lines.length = 0;
      await driver.check(made.template, context());
      expect(lines.join('\n')).toContain('RUN echo built');
      lines.length = 0;
      const { url } = await start(made);
      expect(lines).toEqual([]);
      expect(await read(url, 'hello')).toBe('hello');
      expect(await read(url, 'built')).toBe('built\n');
    });

    it('within the limits and the network of its workspaces', async () => {
      await mkdir(path.join(scratch, 'template'));
      const memory =
        'cat /sys/fs/cgroup/memory.max || cat /sys/fs/cgroup/memory/memory.limit_in_bytes';
      const cpus = 'cat /sys/fs/cgroup/cpu.max || cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us';
      await writeFile(
        path.join(scratch, 'template/Dockerfile'),
        `FROM ${BUSYBOX}\nRUN ${memory}\nRUN ${cpus}\nRUN ls /sys/class/net\n`,
      );
      const limits = { memory_bytes: 64 * 1024 ** 2, cpus: 0.5, processes: 64 };
      const settings = { image: null, build: 'Dockerfile', limits, network: 'none' };
      const recipes: ImageRecipe[] = [];
      await machine().close();
      await open({
        engine: {
          ...engine.engine,
          buildImage: (files, recipe, work) => {
            recipes.push(recipe);
            return engine.engine.buildImage(files, recipe, work);
          },
        },
      });
      lines.length = 0;
      await driver.check(build(dockerManifest(settings)).template, context());
      expect(lines).toContain(String(64 * 1024 ** 2));
      expect(lines.join('\n')).toMatch(/^50000( 100000)?$/m);
      expect(recipes).toMatchObject([{ network: 'bridge' }]);
      const refused = build(dockerManifest({ ...settings, network: 'secret' }));
      await expect(driver.check(refused.template, context())).rejects.toMatchObject({
        code: 'TEMPLATE_REFUSED',
      });
      expect(recipes).toHaveLength(1);
    });

    it('and tells why it cannot', async () => {
      await mkdir(path.join(scratch, 'template'));
      await writeFile(path.join(scratch, 'template/Dockerfile'), `FROM ${BUSYBOX}\nRUN exit 7\n`);
      const manifest = dockerManifest({ image: null, build: 'Dockerfile' });
      await expect(driver.check(build(manifest).template, context())).rejects.toMatchObject({
        code: 'TEMPLATE_REFUSED',
        detail: expect.stringContaining('returned a non-zero code: 7') as string,
      });
    });
  });
});

/** Somewhere that the driver draws from. */
async function listenInRange(): Promise<{ readonly server: Server; readonly port: number }> {
  for (let port = 12_345; ; port++) {
    const server = createServer();
    const isOpen = await new Promise<boolean>((resolve) => {
      server.on('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (isOpen) return { server, port };
  }
}
