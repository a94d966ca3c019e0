// What the tests of the process driver share: a home for each of them, a daemon's lives in it, builds, and what
// is asked of their workspaces. Whatever a test leaves running fails it.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { installFailpoints } from '../../src/base/failpoint.ts';
import { createId } from '../../src/base/id.ts';
import { createKit } from '../../src/base/kit.ts';
import { silentLog } from '../../src/base/log.ts';
import type { Manifest } from '../../src/contract/manifest/schema.ts';
import type { JobWorkspace, ReportBody } from '../../src/contract/provisioner/protocol.ts';
import type {
  Build,
  Driver,
  DriverContext,
  Machine,
  Outputs,
} from '../../src/provisioner/driver.ts';
import { createRedactor } from '../../src/provisioner/tool/redact.ts';
import { sampleWorkspace } from './acquired-job.ts';
import {
  createProcessHome,
  processManifest,
  type HomeOptions,
  type ProcessHome,
} from './process-home.ts';
import { buildPrograms, type Programs } from './programs.ts';

export interface ProcessWorld {
  readonly home: ProcessHome;
  /** Of the daemon's present life; a test may take another. */
  driver: Driver;
  readonly machine: Machine;
  readonly context: DriverContext;
  /** Makes the home and begins the daemon's first life. */
  open(options?: HomeOptions): Promise<void>;
  /** Ends the daemon's life, lets something happen, and begins the next one. */
  nextLife(meanwhile?: () => void | Promise<void>): Promise<void>;
  readonly build: (change?: Partial<Manifest>, workspace?: JobWorkspace) => Build;
  start(made: Build): Promise<Outputs>;
  stop(made: Build): Promise<void>;
  readonly inWorkspace: (made: Build, ...names: readonly string[]) => string;
  reportOf(made: Build): Promise<ReportBody['workspaces'][number] | undefined>;
}

/** To be called once in a file. */
export function useProcessWorld(): ProcessWorld {
  const kit = createKit(silentLog);
  let programs: Programs | undefined;
  let home: ProcessHome | undefined;
  let driver: Driver | undefined;

  const world: ProcessWorld = {
    get home() {
      return opened(home);
    },
    get driver() {
      return opened(driver);
    },
    set driver(other) {
      driver = other;
    },
    get machine() {
      return opened(world.driver.machine);
    },
    context: {
      redactor: createRedactor(),
      log: () => undefined,
      tellReplaced: () => undefined,
      signal: new AbortController().signal,
      templateFolder: () => world.home.templateFolder(),
      stateFile: () => Promise.reject(new Error('the process driver keeps no state')),
      folder: '',
    },
    open: async (options) => {
      home = await createProcessHome(opened(programs), options);
      driver = home.open();
      await world.machine.open();
    },
    nextLife: async (meanwhile = () => undefined) => {
      await world.machine.close();
      await meanwhile();
      driver = world.home.open();
      await world.machine.open();
    },
    build: (change = {}, workspace = sampleWorkspace()) => ({
      jobId: createId(kit),
      attempt: 1,
      template: {
        ...{ name: 't', version_id: createId<string>(kit), file_hash: '' },
        manifest: processManifest(change),
      },
      workspace,
    }),
    start: async (made) => (await world.driver.start(made, world.context)).outputs,
    stop: (made) => world.driver.stop(made, world.context),
    inWorkspace: ({ workspace }, ...names) =>
      path.join(world.home.workspaces, workspace.id, ...names),
    reportOf: async ({ workspace }) =>
      (await world.machine.inspect()).find(({ id }) => id === workspace.id),
  };

  beforeAll(async () => {
    programs = await buildPrograms();
  });
  afterAll(() => programs?.remove());

  afterEach(async () => {
    installFailpoints(undefined);
    await world.machine.close();
    for (const id of await readdir(world.home.workspaces).catch(() => [])) {
      await world.machine.remove(id);
    }
    // The port of a folder that somebody took away is free for whoever draws it next.
    const remains = await world.home.remains();
    await world.home.remove();
    expect(remains.filter((one) => !one.startsWith('port '))).toEqual([]);
  });
  return world;
}

function opened<T>(one: T | undefined): T {
  if (one === undefined) throw new Error('the world is not open yet');
  return one;
}
