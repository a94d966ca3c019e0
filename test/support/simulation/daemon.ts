// A provisioner daemon in this process, with the null driver, whose builds now and then go wrong. It can
// be cut off, and die and be started again in its folder.
import { isAborted } from '../../../src/base/abort.ts';
import { AppError } from '../../../src/base/app-error.ts';
import { createKit } from '../../../src/base/kit.ts';
import type { Log } from '../../../src/base/log.ts';
import { createClient } from '../../../src/client/client.ts';
import { createHttpControlPlane } from '../../../src/provisioner/control-plane.ts';
import { createDaemon } from '../../../src/provisioner/daemon.ts';
import type { Driver } from '../../../src/provisioner/driver.ts';
import { createNullDriver } from '../../../src/provisioner/drivers/null/driver.ts';
import type { Activity } from './activity.ts';
import type { Line } from './network.ts';
import type { SimulatedTime } from './time.ts';

export interface SimulatedDaemon {
  /** Nothing that it says arrives, and it hears nothing; it works on. */
  setCut(isCut: boolean): void;
  /** Ends it without a goodbye, and starts another one in its place. */
  restart(): Promise<void>;
  /** Ends it for good. */
  end(): Promise<void>;
}

export interface SimulatedDaemonDeps {
  readonly folder: string;
  readonly key: string;
  readonly time: SimulatedTime;
  readonly activity: Activity;
  readonly log: Log;
  readonly createLine: () => Line;
  /** Whether what is about to end fails. */
  readonly doesFail: (transition: 'start' | 'delete') => boolean;
}

export const DAEMON_SLOTS = 2;
const SECOND = 1_000;

interface Life {
  readonly line: Line;
  kill(): Promise<void>;
}

export async function startSimulatedDaemon(deps: SimulatedDaemonDeps): Promise<SimulatedDaemon> {
  let life = await startLife(deps);
  return {
    setCut: (isCut) => {
      life.line.isCut = isCut;
    },
    restart: async () => {
      await life.kill();
      life = await startLife(deps);
    },
    end: () => life.kill(),
  };
}

async function startLife(deps: SimulatedDaemonDeps): Promise<Life> {
  const clock = deps.time.createClock();
  const kit = { ...createKit(deps.log), clock };
  const line = deps.createLine();
  const client = createClient({
    url: 'http://control-plane.simulated',
    token: deps.key,
    fetch: line.fetch,
    clock,
  });
  const daemon = createDaemon(kit, {
    folder: deps.folder,
    name: 'daemon',
    version: 'simulated',
    tags: {},
    concurrency: DAEMON_SLOTS,
    controlPlane: createHttpControlPlane(client),
    drivers: [createFailingDriver(createNullDriver(kit), deps.doesFail)],
    drainMs: 0,
  });
  await daemon.start();
  return {
    line,
    kill: async () => {
      // What a killed one was about to say is never said.
      line.isCut = true;
      const ended = new AbortController();
      const stopping = daemon.stop('it died', Infinity).finally(() => ended.abort());
      while (!isAborted(ended.signal)) {
        await clock.leap(SECOND);
        await deps.activity.quiet();
      }
      await stopping;
    },
  };
}

function createFailingDriver(driver: Driver, doesFail: SimulatedDaemonDeps['doesFail']): Driver {
  const pass = (transition: 'start' | 'delete'): void => {
    if (doesFail(transition)) throw new AppError('BUILD_FAILED', 'the simulated build failed');
  };
  return {
    ...driver,
    start: async (build, context) => {
      const started = await driver.start(build, context);
      pass('start');
      return started;
    },
    delete: async (build, context) => {
      await driver.delete(build, context);
      pass('delete');
    },
  };
}
