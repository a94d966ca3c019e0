import { createServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe } from 'vitest';
import type { Engine } from '../../src/provisioner/drivers/docker/engine/engine.ts';
import { EngineAway } from '../../src/provisioner/drivers/docker/engine/transport.ts';
import { hasDocker, startTestEngine, type TestEngine } from '../support/docker-engine.ts';
import { createDockerHome, dockerManifest } from '../support/docker-home.ts';
import { until } from '../support/until.ts';
import { describeDriver, surroundingsWith } from './driver.ts';

/** Does what it is asked to; the first answer to `lostCall` gets lost on its way. */
function losing(engine: Engine, lostCall: string): Engine {
  let isLost = false;
  return new Proxy(engine, {
    get: (target, name) => {
      const call: unknown = Reflect.get(target, name);
      if (name !== lostCall || isLost || typeof call !== 'function') return call;
      return async (...args: readonly unknown[]): Promise<never> => {
        isLost = true;
        await Reflect.apply(call, target, args);
        throw new EngineAway('the answer was lost');
      };
    },
  });
}

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
      // No folder can be there.
      failing: dockerManifest({ volumes: { data: '/bin/busybox' } }),
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
    calls: {
      start: ['createVolume', 'createContainer', 'startContainer', 'readLife'],
      delete: ['stopContainer', 'removeContainer', 'removeVolume'],
    },
    hasMachine: true,
    makesNothing: false,
    keepsState: false,
    createHome: async () => {
      const home = createDockerHome(engine);
      return {
        ...home,
        open: (lostCall) =>
          home.open(lostCall === undefined ? {} : { engine: losing(engine.engine, lostCall) }),
        surroundings: () =>
          surroundingsWith(() => Promise.reject(new Error('its image needs no files'))),
        isUsable: ({ url }) => until(async () => (await fetch(new URL('pid', url))).ok),
      };
    },
  });
});
