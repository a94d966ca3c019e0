// What agents run on in an image, found out by looking into it.
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKit } from '../../src/base/kit.ts';
import { silentLog } from '../../src/base/log.ts';
import { createAgentRuntimes } from '../../src/provisioner/drivers/docker/agent-runtime.ts';
import type { Engine } from '../../src/provisioner/drivers/docker/engine/engine.ts';
import { EngineAway } from '../../src/provisioner/drivers/docker/engine/transport.ts';
import { BUSYBOX, hasDocker, startTestEngine, type TestEngine } from '../support/docker-engine.ts';

const kit = createKit(silentLog);
const live = new AbortController().signal;
const OWN = { 'standby.daemon': 'd' };

describe.runIf(hasDocker())('agents of an image', () => {
  let engine: TestEngine;
  let scratch: string;

  beforeAll(async () => {
    engine = await startTestEngine();
    scratch = await mkdtemp(path.join(os.tmpdir(), 'standby-docker-runtime-'));
  });
  afterAll(async () => {
    await engine.stop();
    await rm(scratch, { recursive: true });
  });

  /** Busybox, whose shell has the usual small programs in itself, with these programs, which end with a status and do nothing. */
  async function imageWith(
    name: string,
    programs: Readonly<Record<string, number>>,
  ): Promise<string> {
    const root = path.join(scratch, name);
    await cp(engine.busybox, root, { recursive: true, verbatimSymlinks: true });
    for (const [program, status] of Object.entries(programs)) {
      const file = path.join(root, 'bin', program);
      await rm(file, { force: true });
      await writeFile(file, `#!/bin/sh\nexit ${status}\n`, { mode: 0o755 });
    }
    await engine.importImage(`standby-test/${name}:1`, root);
    return `standby-test/${name}:1`;
  }
  const runtimes = (change: Partial<Engine> = {}) =>
    createAgentRuntimes(kit, { ...engine.engine, ...change }, () => Promise.resolve('d'));
  it('run on its Node.js, on its shell where that is too old, and are looked for once', async () => {
    const counted: string[] = [];
    const seen = runtimes({
      createContainer: (name, spec) => {
        counted.push(name);
        return engine.engine.createContainer(name, spec);
      },
    });
    const fresh = await imageWith('fresh-node', { node: 0 });
    expect(
      await Promise.all([
        seen.of({ image: fresh, path: undefined }, live),
        seen.of({ image: fresh, path: undefined }, live),
      ]),
    ).toEqual(['node', 'node']);
    expect(counted).toHaveLength(1);
    const old = await imageWith('old-node', { node: 1, curl: 0 });
    expect(await seen.of({ image: old, path: undefined }, live)).toBe('shell');
    expect(await seen.of({ image: old, path: undefined }, live)).toBe('shell');
    expect(counted).toHaveLength(3);
    expect(await engine.engine.listContainers(OWN)).toEqual([]);
  });

  it.each([
    [
      'without curl',
      () => Promise.resolve(BUSYBOX),
      'no `node`, and for the shell agent it lacks curl',
    ],
    [
      'with an old Node.js alone',
      () => imageWith('old-alone', { node: 1 }),
      'a `node` older than 20, and for the shell agent it lacks curl',
    ],
    ['without anything', emptyImage, 'no `node`, and for the shell agent it lacks sh'],
  ])('are refused by one %s', async (_what, make, why) => {
    const image = await make();
    await expect(runtimes().of({ image, path: undefined }, live)).rejects.toMatchObject({
      code: 'TEMPLATE_REFUSED',
      detail: `no agent can run in the image ${image}: its PATH has ${why}`,
    });
    expect(await engine.engine.listContainers(OWN)).toEqual([]);
  });

  it('run on what the PATH of the template has', async () => {
    const image = await imageWith('elsewhere', { node: 0 });
    expect(await runtimes().of({ image, path: '/bin' }, live)).toBe('node');
    await expect(runtimes().of({ image, path: '/nowhere' }, live)).rejects.toMatchObject({
      code: 'TEMPLATE_REFUSED',
    });
  });

  it('leave no container of a look that a daemon did not end', async () => {
    const killed = runtimes({
      startContainer: () => Promise.reject(new EngineAway('killed')),
      removeContainer: () => Promise.resolve(),
    });
    await expect(killed.of({ image: BUSYBOX, path: undefined }, live)).rejects.toThrow('killed');
    expect(await engine.engine.listContainers(OWN)).toHaveLength(1);
    await runtimes().sweep();
    expect(await engine.engine.listContainers(OWN)).toEqual([]);
  });

  async function emptyImage(): Promise<string> {
    const root = path.join(scratch, 'empty');
    await mkdir(root);
    await engine.importImage('standby-test/empty:1', root);
    return 'standby-test/empty:1';
  }
});
