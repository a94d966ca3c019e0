// What tests of the docker driver stand on: an engine, and for each test a daemon's driver at it.
import { cp, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { installFailpoints } from '../../src/base/failpoint.ts';
import { createId } from '../../src/base/id.ts';
import type { Kit } from '../../src/base/kit.ts';
import type { Manifest } from '../../src/contract/manifest/schema.ts';
import type { JobWorkspace } from '../../src/contract/provisioner/protocol.ts';
import type {
  Build,
  Driver,
  DriverContext,
  Machine,
  Outputs,
} from '../../src/provisioner/driver.ts';
import type { DockerDriverOptions } from '../../src/provisioner/drivers/docker/driver.ts';
import type { Container } from '../../src/provisioner/drivers/docker/engine/engine.ts';
import { createRedactor } from '../../src/provisioner/tool/redact.ts';
import { sampleWorkspace } from './acquired-job.ts';
import { startTestEngine, type TestEngine } from './docker-engine.ts';
import { createDockerHome, dockerManifest, type DockerHome } from './docker-home.ts';
import { until } from './until.ts';

type Reported = Awaited<ReturnType<Machine['inspect']>>[number];

export interface DockerGround {
  readonly engine: TestEngine;
  readonly home: DockerHome;
  readonly driver: Driver;
  readonly machine: Machine;
  /** A folder of the test's; what is in its `template` is the template's. */
  readonly scratch: string;
  /** What attempts have logged so far. */
  readonly lines: string[];
  /** The daemon's next life, otherwise than before where that is said. */
  readonly reopen: (change?: Partial<DockerDriverOptions>) => Promise<void>;
  /** Another daemon's first. */
  readonly moveHome: (change: Partial<Kit>) => Promise<void>;
  readonly context: () => DriverContext;
  readonly build: (manifest?: Manifest, workspace?: Partial<JobWorkspace>) => Build;
  /** Another build of the same workspace. */
  readonly next: (
    former: Build,
    change: Partial<JobWorkspace>,
    template?: Build['template'],
  ) => Build;
  readonly start: (build: Build) => Promise<Outputs>;
  /** What the web server in the container gives, once it does. */
  readonly read: (url: string | undefined, file: string) => Promise<string>;
  /** The daemon's. */
  readonly containers: () => Promise<readonly Container[]>;
  /** As it would be reported. */
  readonly look: (build: Build) => Promise<Reported | undefined>;
}

/** A page for each file in the volume, a new line of every start. */
export const WRITING = [
  'sh',
  '-c',
  'echo "$STANDBY_PARAMETER_SIZE" >> /data/sizes; exec httpd -f -p 8080 -h /data',
];

/** For a whole suite, which calls it once. */
export function useDockerGround(): DockerGround {
  let engine: TestEngine;
  let home: DockerHome;
  let driver: Driver;
  let scratch: string;
  const lines: string[] = [];

  beforeAll(async () => {
    engine = await startTestEngine();
  });
  afterAll(() => engine.stop());
  beforeEach(async () => {
    scratch = await mkdtemp(path.join(os.tmpdir(), 'standby-docker-driver-'));
    home = createDockerHome(engine);
    lines.length = 0;
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

  return {
    get engine() {
      return engine;
    },
    get home() {
      return home;
    },
    get driver() {
      return driver;
    },
    get machine() {
      return machine();
    },
    get scratch() {
      return scratch;
    },
    lines,
    reopen: async (change) => {
      await machine().close();
      await open(change);
    },
    moveHome: async (change) => {
      await machine().close();
      home = createDockerHome(engine, change);
      await open();
    },
    context,
    build: (manifest = dockerManifest(), workspace = {}) => ({
      jobId: createId(home.kit),
      attempt: 1,
      template: {
        name: 't',
        version_id: createId(home.kit),
        file_hash: createId(home.kit).replaceAll('-', ''),
        manifest,
      },
      workspace: sampleWorkspace(workspace),
    }),
    next: (former, change, template = former.template) => ({
      jobId: createId(home.kit),
      attempt: 1,
      template,
      workspace: { ...former.workspace, ...change },
    }),
    start: async (made) => (await driver.start(made, context())).outputs,
    read: (url, file) =>
      until(async () => {
        const answer = await fetch(new URL(file, url));
        if (!answer.ok) throw new Error(`${file}: ${answer.status}`);
        return answer.text();
      }),
    containers: () => engine.engine.listContainers({ 'standby.daemon': home.daemon }),
    look: async ({ workspace }) =>
      (await machine().inspect()).find(({ id }) => id === workspace.id),
  };
}
