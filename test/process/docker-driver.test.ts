// What the docker driver does beyond what every driver has to (test/conformance): what it tells the
// engine, and how it looks after what runs.
import { createServer, type Server } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { ReadyCheck } from '../../src/contract/manifest/schema.ts';
import type { Build, Outputs } from '../../src/provisioner/driver.ts';
import type { Container, Engine } from '../../src/provisioner/drivers/docker/engine/engine.ts';
import { hasDocker } from '../support/docker-engine.ts';
import { useDockerGround, WRITING } from '../support/docker-ground.ts';
import { dockerManifest } from '../support/docker-home.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { until } from '../support/until.ts';

describe.runIf(hasDocker())('the docker driver', () => {
  const ground = useDockerGround();
  const { build, next, start, read, containers, context } = ground;
  const stateOf = async (made: Build) => (await ground.look(made))?.state;
  const readyOf = async (made: Build) => (await ground.look(made))?.ready;

  describe('gives a container', () => {
    it('nothing of the machine, its limits, and no secret in a label', async () => {
      const limits = { memory_bytes: 64 * 1024 ** 2, cpus: 0.5, processes: 32 };
      const made = build(dockerManifest({ limits }), { parameters: { token: 'canary-of-gold' } });
      await start(made);
      const [container] = await containers();
      const seen = await ground.engine.inspect(container?.id ?? '');
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
        'standby.daemon': ground.home.daemon,
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
      await expect(ground.driver.check(build(manifest).template, context())).rejects.toMatchObject(
        refusal,
      );
      await expect(start(build(manifest))).rejects.toMatchObject(refusal);
      expect(await ground.home.remains()).toEqual([]);
      await ground.reopen({ networks: ['host'] });
      await ground.driver.check(build(manifest).template, context());
    });
  });

  it('asks the engine for no more than a start takes', async () => {
    const asked: string[] = [];
    const engine = new Proxy(ground.engine.engine, {
      get: (target, name: keyof Engine): unknown => {
        asked.push(name);
        return Reflect.get(target, name);
      },
    });
    // Without the looks of a machine that is open.
    await ground.home.open({ engine }).start(build(), context());
    expect(asked).toEqual([
      ...['listVolumes', 'listContainers'],
      ...['listContainers', 'createVolume'],
      ...['createContainer', 'startContainer', 'readLife'],
    ]);
  });

  describe('on a port', () => {
    it('that another program has draws another one', async () => {
      const { server, port } = await listenInRange();
      const rng = { ...ground.home.kit.rng, next: () => (port - 10_000) / 10_000 };
      await ground.moveHome({ rng });
      const outputs = await start(build());
      expect(outputs['port']).toBe(String(port === 19_999 ? 10_000 : port + 1));
      server.close();
    });

    it('that another workspace took while the image was pulled draws another one', async () => {
      await ground.moveHome({ rng: { ...ground.home.kit.rng, next: () => 0.5 } });
      const other = build();
      let theirs: Outputs = {};
      await ground.reopen({
        engine: {
          ...ground.engine.engine,
          pullImage: async (name) => {
            theirs = await start(other);
            // The engine tells of a port only as long as somebody listens there.
            await ground.driver.stop(next(other, {}), context());
            await ground.engine.importImage(name, ground.engine.busybox);
          },
        },
      });
      const outputs = await start(build(dockerManifest({ image: 'standby-test/late:1' })));
      expect(Object.keys(theirs)).toEqual(Object.keys(outputs));
      expect(outputs['port']).not.toBe(theirs['port']);
    });

    it('that a stopped workspace keeps says that another program has it', async () => {
      const made = build();
      const { port = '' } = await start(made);
      await ground.driver.stop(made, context());
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

  it('fails a start whose command has ended by then, with what it ended with', async () => {
    let isEnded = false;
    const { engine: real } = ground.engine;
    await ground.reopen({
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
    expect(await ground.home.remains()).toEqual([]);
  });

  it('tells that a command which ends over and over is gone, and leaves it to the engine', async () => {
    const steady = build();
    const broken = build(dockerManifest({ command: ['sh', '-c', 'sleep 0.5; false'] }));
    await start(steady);
    await start(broken);
    await until(async () => expect(await stateOf(broken)).toBe('gone'));
    expect(await stateOf(steady)).toBe('running');
    await ground.machine.restart(broken.workspace.id);
    expect(await containers()).toHaveLength(2);
  });

  it('says nothing of workspaces while the engine is away, and all of it when it is back', async () => {
    const made = build();
    const { url } = await start(made);
    await read(url, 'pid');
    await ground.engine.halt();
    expect(await ground.machine.inspect()).toEqual([]);
    await expect(start(build())).rejects.toMatchObject({
      code: 'BUILD_FAILED',
      detail: expect.stringContaining('does not answer') as string,
    });
    await ground.engine.resume();
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
      ground.machine.onChange(() => (news += 1));
      await start(made);
      const [container] = await containers();
      await until(() => expect(news).toBeGreaterThan(1));
      expect(await readyOf(made)).toBe(false);
      await ground.engine.run(container?.id ?? '', ['touch', '/data/go']);
      await until(async () => expect(await readyOf(made)).toBe(true));
    });

    it.each([
      ['a stop and a start', (made: Build) => ground.driver.stop(next(made, {}), context())],
      ['an end and a restart', async () => endAll(await containers())],
    ])('anew after %s that no look has seen', async (_what, end) => {
      // Looks and tries are made when this goes on, and not by themselves.
      const clock = createManualClock();
      await ground.moveHome({ clock });
      const ready = check({ command: ['test', '-e', '/data/go'], interval_seconds: 60 });
      const made = build(dockerManifest({}, { ready }));
      await start(made);
      const [container] = await containers();
      await ground.engine.run(container?.id ?? '', ['touch', '/data/go']);
      await until(async () => {
        await clock.advance(10);
        expect(await readyOf(made)).toBe(true);
      });
      await ground.engine.run(container?.id ?? '', ['busybox', 'rm', '/data/go']);
      await end(made);
      if ((await stateOf(made)) === 'stopped') await start(next(made, {}));
      else await ground.machine.restart(made.workspace.id);
      expect(await ground.look(made)).toMatchObject({ state: 'running', ready: false });
    });
  });

  async function endAll(all: readonly Container[]): Promise<void> {
    for (const { id } of all) await ground.engine.engine.stopContainer(id, 0);
  }
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
