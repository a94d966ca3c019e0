// Where the docker driver lives in a test: a daemon of its own at an engine that tests share.
import { createId } from '../../src/base/id.ts';
import { createKit, type Kit } from '../../src/base/kit.ts';
import { silentLog } from '../../src/base/log.ts';
import type { DockerSettings, Manifest } from '../../src/contract/manifest/schema.ts';
import type { Driver } from '../../src/provisioner/driver.ts';
import {
  createDockerDriver,
  type DockerDriverOptions,
} from '../../src/provisioner/drivers/docker/driver.ts';
import { DAEMON_LABEL } from '../../src/provisioner/drivers/docker/mark.ts';
import { BUSYBOX, type TestEngine } from './docker-engine.ts';
import { sampleManifest } from './manifest.ts';

export function dockerSettings(change: Partial<DockerSettings> = {}): DockerSettings {
  return {
    image: BUSYBOX,
    build: null,
    command: ['sh', '-c', 'mkdir -p /data; echo $$ > /data/pid; exec httpd -f -p 8080 -h /data'],
    environment: {},
    ports: [8080],
    volumes: { data: '/data' },
    limits: { memory_bytes: null, cpus: null, processes: 64 },
    network: 'bridge',
    ...change,
  };
}

export function dockerManifest(
  docker: Partial<DockerSettings> = {},
  change: Partial<Manifest> = {},
): Manifest {
  return sampleManifest({
    driver: 'docker',
    null: null,
    docker: dockerSettings(docker),
    ...change,
  });
}

export interface DockerHome {
  readonly kit: Kit;
  /** As labels name it. */
  readonly daemon: string;
  /** The driver as a daemon's next life has it. */
  open(change?: Partial<DockerDriverOptions>): Driver;
  /** Containers and volumes. */
  remains(): Promise<readonly string[]>;
  remove(): Promise<void>;
}

export function createDockerHome({ engine }: TestEngine, change: Partial<Kit> = {}): DockerHome {
  const kit = { ...createKit(silentLog), ...change };
  const daemon = createId(kit);
  const labels = { [DAEMON_LABEL]: daemon };
  return {
    kit,
    daemon,
    open: (change = {}) =>
      createDockerDriver(kit, {
        engine,
        identify: () => Promise.resolve(daemon),
        publishAddress: '127.0.0.1',
        networks: [],
        agentPrograms: { node: '/nonexistent', shell: '/nonexistent' },
        ...change,
      }),
    remains: async () => [
      ...(await engine.listContainers(labels)).map(
        ({ id, name, state }) => `container ${name} ${id.slice(0, 12)} ${state}`,
      ),
      ...(await engine.listVolumes(labels)).map(({ name }) => `volume ${name}`),
    ],
    remove: async () => {
      for (const { id } of await engine.listContainers(labels)) await engine.removeContainer(id);
      for (const { name } of await engine.listVolumes(labels)) await engine.removeVolume(name);
    },
  };
}
