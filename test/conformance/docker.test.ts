import { createServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, vi } from 'vitest';
import { hasDocker, startTestEngine, type TestEngine } from '../support/docker-engine.ts';
import { createDockerHome, dockerManifest } from '../support/docker-home.ts';
import { describeDriver, surroundingsWith } from './driver.ts';

describe.runIf(hasDocker())('with an engine', () => {
  let engine: TestEngine;
  /** A registry that takes a pull and never answers it. */
  const silent = createServer();
  const endless = dockerManifest({ image: 'silent' });

  beforeAll(async () => {
    engine = await startTestEngine();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    Object.assign(endless.docker ?? {}, { image: `127.0.0.1:${port}/never:1` });
  });
  afterAll(async () => {
    silent.close();
    await engine.stop();
  });

  describeDriver({
    name: 'docker',
    manifests: {
      good: dockerManifest(),
      failing: dockerManifest({ command: ['/no/such/program'] }),
      endless,
      refused: dockerManifest({ image: '127.0.0.1:1/no-such-image:1' }),
    },
    points: {
      start: [
        'docker.start.volumes_made',
        'docker.start.created',
        'docker.start.started',
        'docker.start.named',
      ],
      delete: ['docker.remove.containers_gone'],
    },
    hasMachine: true,
    makesNothing: false,
    keepsState: false,
    createHome: async () => {
      const home = createDockerHome(engine);
      return {
        ...home,
        open: () => home.open(),
        surroundings: () =>
          surroundingsWith(() => Promise.reject(new Error('its image needs no files'))),
        isUsable: ({ url }) =>
          vi.waitFor(async () => (await fetch(new URL('pid', url))).ok, {
            timeout: 15_000,
            interval: 20,
          }),
      };
    },
  });
});
