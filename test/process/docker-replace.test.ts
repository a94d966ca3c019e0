// How the docker driver has one container take the place of another, and what somebody else does to
// containers.
import { describe, expect, it } from 'vitest';
import { installFailpoints, type Failpoint } from '../../src/base/failpoint.ts';
import type { JobWorkspace } from '../../src/contract/provisioner/protocol.ts';
import type { Build } from '../../src/provisioner/driver.ts';
import type { Engine } from '../../src/provisioner/drivers/docker/engine/engine.ts';
import {
  EngineAway,
  EngineRefusal,
} from '../../src/provisioner/drivers/docker/engine/transport.ts';
import { sampleOwner } from '../support/acquired-job.ts';
import { hasDocker } from '../support/docker-engine.ts';
import { useDockerGround, WRITING } from '../support/docker-ground.ts';
import { createDockerHome, dockerManifest } from '../support/docker-home.ts';
import { until } from '../support/until.ts';

describe.runIf(hasDocker())('the docker driver', () => {
  const ground = useDockerGround();
  const { build, next, start, read, containers, context } = ground;
  const stateOf = async (made: Build) => (await ground.look(made))?.state;

  /** The start of it never goes on from there. */
  async function killedAt(point: Failpoint, lost: Build): Promise<void> {
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
  }

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
      await killedAt(point, lost);
      await ground.reopen();
      await ground.driver.undo(lost);
      expect(await containers()).toHaveLength(1);
      const { url } = await start(next(made, sized('3')));
      expect(await read(url, 'sizes')).toMatch(/^1\n(2\n)?3\n$/);
      expect(await containers()).toHaveLength(1);
    });

    it('and has one after the answer to its new name was lost', async () => {
      const made = build(dockerManifest({ command: WRITING }), sized('1'));
      await start(made);
      const { engine } = ground.engine;
      await ground.reopen({
        engine: {
          ...engine,
          renameContainer: async (id, name) => {
            await engine.renameContainer(id, name);
            if (!name.endsWith('-stopped')) throw new EngineAway('the answer was lost');
          },
        },
      });
      await expect(start(next(made, sized('2')))).rejects.toMatchObject({ code: 'BUILD_FAILED' });
      expect(await stateOf(made)).toBe('stopped');
      await ground.reopen();
      const { url } = await start(next(made, sized('3')));
      expect(await read(url, 'sizes')).toMatch(/^1\n(2\n)?3\n$/);
      expect(await containers()).toHaveLength(1);
    });
  });

  it('takes away a container that a killed daemon had made and not started', async () => {
    await killedAt('docker.start.created', build());
    expect(await containers()).toMatchObject([{ state: 'created' }]);
    await ground.reopen();
    expect(await containers()).toEqual([]);
  });

  it('keeps a container that ran, although its engine says that it never did', async () => {
    const made = build(dockerManifest({ command: WRITING }));
    const { url } = await start(made);
    await read(url, 'sizes');
    const before = await containers();
    const id = before[0]?.id ?? '';
    const { engine } = ground.engine;
    await engine.stopContainer(id, 0);
    // As Podman has it after the machine was started anew.
    let isForgotten = true;
    const podman: Partial<Engine> = {
      listContainers: async (labels) =>
        (await engine.listContainers(labels)).map((one) =>
          isForgotten ? { ...one, state: 'created' } : one,
        ),
      startContainer: (one) => {
        isForgotten = false;
        return engine.startContainer(one);
      },
      stopContainer: (one, graceSeconds) =>
        isForgotten
          ? Promise.reject(new EngineRefusal(500, 'can only stop created or running containers'))
          : engine.stopContainer(one, graceSeconds),
    };
    await ground.reopen({ engine: { ...engine, ...podman } });
    expect(await containers()).toMatchObject([{ id, state: 'running' }]);
    expect(await stateOf(made)).toBe('running');
    expect(await read(url, 'sizes')).toBe('\n\n');

    await ground.reopen({ engine: { ...engine, ...podman } });
    isForgotten = true;
    // What runs is not counted as stopped for that.
    await expect(ground.driver.stop(next(made, {}), context())).rejects.toThrow('can only stop');
    await engine.stopContainer(id, 0);
    await ground.driver.stop(next(made, {}), context());
    expect(await containers()).toMatchObject([
      { id, name: `standby-${made.workspace.id}-stopped`, state: 'exited' },
    ]);
  });

  it.each([
    ['volumes', { data: '/data' }, 'gone'],
    ['nothing', {}, undefined],
  ] as const)(
    'leaves nothing to run where a daemon was killed over a workspace of which %s was left',
    async (_what, volumes, state) => {
      const made = build(dockerManifest({ command: WRITING, volumes }));
      await start(made);
      const [container] = await containers();
      await ground.engine.engine.removeContainer(container?.id ?? '');
      const lost = next(made, { build_number: 2 });
      await killedAt('docker.start.started', lost);
      expect(await containers()).toMatchObject([{ state: 'running' }]);
      await ground.reopen();
      expect(await containers()).toEqual([]);
      expect(await stateOf(made)).toBe(state);
      const { url } = await start(next(made, { build_number: 3 }));
      await read(url, 'sizes');
      expect(await containers()).toMatchObject([{ name: `standby-${made.workspace.id}` }]);
    },
  );

  describe('when somebody else', () => {
    it('kills a container, tells that it is gone, and brings it back', async () => {
      const made = build(dockerManifest({ command: WRITING }));
      const { url } = await start(made);
      const [container] = await containers();
      await ground.engine.engine.stopContainer(container?.id ?? '', 0);
      await until(async () => expect(await stateOf(made)).toBe('gone'));
      await ground.machine.restart(made.workspace.id);
      expect(await stateOf(made)).toBe('running');
      expect(await read(url, 'sizes')).toBe('\n\n');
    });

    it('pauses a container, tells that it is gone, and lets it go on or ends it', async () => {
      const made = build(dockerManifest({ command: WRITING }));
      const { url } = await start(made);
      await read(url, 'sizes');
      const [container] = await containers();
      await ground.engine.pause(container?.id ?? '');
      await until(async () => expect(await stateOf(made)).toBe('gone'));
      await ground.machine.restart(made.workspace.id);
      expect(await stateOf(made)).toBe('running');
      expect(await read(url, 'sizes')).toBe('\n');
      await ground.engine.pause(container?.id ?? '');
      await ground.driver.stop(next(made, {}), context());
      expect(await stateOf(made)).toBe('stopped');
      await start(next(made, {}));
      expect(await read(url, 'sizes')).toBe('\n\n');
      await ground.engine.pause(container?.id ?? '');
      await start(next(made, {}));
      expect(await read(url, 'sizes')).toBe('\n\n');
      await ground.engine.pause(container?.id ?? '');
      await ground.driver.delete(next(made, {}), context());
      expect(await ground.home.remains()).toEqual([]);
    });

    it('removes a container, keeps the volumes for the next start', async () => {
      const made = build(dockerManifest({ command: WRITING }));
      const first = await start(made);
      await read(first['url'], 'sizes');
      const [container] = await containers();
      await ground.engine.engine.removeContainer(container?.id ?? '');
      expect(await stateOf(made)).toBe('gone');
      await expect(ground.machine.restart(made.workspace.id)).rejects.toThrow(
        'removed by somebody else',
      );
      const { url } = await start(next(made, {}));
      expect(await read(url, 'sizes')).toBe('\n\n');
      await ground.machine.remove(made.workspace.id);
      expect(await ground.home.remains()).toEqual([]);
    });

    it('uses the engine too, leaves what is theirs alone', async () => {
      const other = createDockerHome(ground.engine);
      const theirs = other.open();
      const made = build();
      await theirs.start(made, context());
      expect(await ground.machine.inspect()).toEqual([]);
      await ground.driver.undo(made);
      await ground.machine.remove(made.workspace.id);
      expect(await other.remains()).toHaveLength(2);
      await expect(start(next(made, {}))).rejects.toMatchObject({ code: 'BUILD_FAILED' });
      expect(await other.remains()).toHaveLength(2);
      await other.remove();
    });
  });
});
