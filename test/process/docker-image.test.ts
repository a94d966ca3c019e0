// Images that were built for versions, and how they go.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DriverContext } from '../../src/provisioner/driver.ts';
import { createImages, type UsedImage } from '../../src/provisioner/drivers/docker/image.ts';
import { createRedactor } from '../../src/provisioner/tool/redact.ts';
import { BUSYBOX, hasDocker, startTestEngine, type TestEngine } from '../support/docker-engine.ts';
import { dockerManifest, dockerSettings } from '../support/docker-home.ts';

describe.runIf(hasDocker())('an image', () => {
  let engine: TestEngine;
  let folder: string;

  beforeAll(async () => {
    engine = await startTestEngine();
    folder = await mkdtemp(path.join(os.tmpdir(), 'standby-docker-image-'));
    await writeFile(path.join(folder, 'Dockerfile'), `FROM ${BUSYBOX}\nCMD sleep 1000\n`);
  });
  afterAll(async () => {
    await engine.stop();
    await rm(folder, { recursive: true });
  });

  it('that was built goes unless a container uses it, and no other one does', async () => {
    const context: DriverContext = {
      redactor: createRedactor(),
      log: () => undefined,
      tellReplaced: () => undefined,
      signal: new AbortController().signal,
      templateFolder: () => Promise.resolve(folder),
      stateFile: () => Promise.reject(new Error('there is none')),
      folder: '',
    };
    const [mine, others] = ['d', 'other'].map((daemon) =>
      createImages(engine.engine, () => Promise.resolve(daemon)),
    );
    const provide = async (used: UsedImage): Promise<string> => {
      await used.provide();
      return used.name;
    };
    const settings = dockerSettings({ image: null, build: 'Dockerfile' });
    const hash = 'a'.repeat(64);
    const template = { name: 't', version_id: 'v', file_hash: hash, manifest: dockerManifest() };
    const image = (await mine?.use({ settings, template }, context, provide)) ?? '';
    expect(await mine?.built.list()).toEqual([hash]);
    expect(await others?.built.list()).toEqual([]);
    const same = { settings, template };
    const theirs = await others?.use(same, context, provide);

    const id = await engine.engine.createContainer('stopped', { Image: image });
    expect(await mine?.built.remove(hash)).toBe(false);
    expect(await engine.engine.findImage(image)).toBeDefined();
    await engine.engine.removeContainer(id);
    expect(await mine?.built.remove(hash)).toBe(true);
    expect(await engine.engine.findImage(image)).toBeUndefined();
    expect(await mine?.built.list()).toEqual([]);
    expect(await mine?.built.remove(hash)).toBe(true);
    expect(await engine.engine.findImage(theirs ?? '')).toBeDefined();
    expect(await engine.engine.findImage(BUSYBOX)).toBeDefined();
  });
});
