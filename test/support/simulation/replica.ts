// A control plane in this process, with all that one consists of but the socket. It can stand still, and
// die and be started again.
import { AppError } from '../../../src/base/app-error.ts';
import type { Log } from '../../../src/base/log.ts';
import { createKit, type Kit } from '../../../src/base/kit.ts';
import { createServiceStack } from '../../../src/base/service-stack.ts';
import { StopCause } from '../../../src/base/service.ts';
import { loadConfig } from '../../../src/config/config.ts';
import type { Keyring } from '../../../src/keys/keyring.ts';
import { createControlPlaneParts } from '../../../src/main/server/control-plane.ts';
import type { Database } from '../../../src/store/database.ts';
import { createNoticeBus } from '../../../src/store/notice-bus.ts';
import { createDeferred } from '../deferred.ts';
import { TEST_SECRET_KEY } from '../store.ts';
import type { Seeded } from '../seeded.ts';
import type { Activity } from './activity.ts';
import type { Dials } from './dials.ts';
import type { SimulatedTime } from './time.ts';
import { createUnsteadyBus } from './unsteady-bus.ts';
import { createUnsteadyDatabase } from './unsteady-database.ts';

export interface Replica {
  /** Rejects when the control plane dies meanwhile, and while there is none. */
  answer(request: Request): Promise<Response>;
  /** Nothing of it goes on until the returned function is called. */
  stall(): () => void;
  /** Ends it without a goodbye, and starts another one in its place. */
  restart(): Promise<void>;
  /** Ends it for good. */
  end(): Promise<void>;
}

export interface ReplicaDeps {
  readonly database: Database;
  readonly keyring: Keyring;
  readonly time: SimulatedTime;
  readonly activity: Activity;
  readonly log: Log;
  readonly dice: Seeded;
  readonly dials: () => Dials;
}

interface Life {
  answer(request: Request): Promise<Response>;
  stall(): () => void;
  kill(): Promise<void>;
}

// Sweeps are most of what an idle control plane asks for; the silence that they judge is longer still.
const CONFIG = loadConfig({ STANDBY_SWEEP_INTERVAL: '30s' });
const URL = 'http://control-plane.simulated';

export async function startReplica(deps: ReplicaDeps): Promise<Replica> {
  let life = await startLife(deps);
  return {
    answer: (request) => life.answer(request),
    stall: () => life.stall(),
    restart: async () => {
      await life.kill();
      life = await startLife(deps);
    },
    end: () => life.kill(),
  };
}

async function startLife(deps: ReplicaDeps): Promise<Life> {
  const { activity, dice, dials, keyring } = deps;
  const clock = deps.time.createClock();
  const kit: Kit = { ...createKit(deps.log), clock };
  const database = createUnsteadyDatabase(deps.database, {
    activity,
    isCommitUnknown: () => dice.chance(dials().unknownCommit),
  });
  const steadyBus = createNoticeBus({ ...kit, database });
  const { services, api } = createControlPlaneParts(kit, {
    config: CONFIG,
    database,
    builders: database,
    bus: createUnsteadyBus(steadyBus, { ...dice, dials }),
    secretKey: TEST_SECRET_KEY,
    keyring,
    metricsToken: 'nobody',
    alone: false,
    url: () => URL,
  });
  const stack = createServiceStack(kit.log);
  for (const service of [steadyBus, ...services]) await stack.start(service);

  const death = createDeferred<never>();
  death.promise.catch(() => undefined);
  /** Nothing of it is there before all is, as behind a proxy that holds answers back. */
  const answerWhole = async (request: Request): Promise<Response> => {
    const dropped = createDeferred<never>();
    dropped.promise.catch(() => undefined);
    const hangUp = (): void => dropped.reject(new TypeError('the connection was dropped'));
    const answer = await api.app.fetch(request, { hangUp });
    if (answer.body === null) return answer;
    return new Response(await Promise.race([dropped.promise, answer.arrayBuffer()]), answer);
  };
  return {
    answer: (request) => Promise.race([death.promise, answerWhole(request)]),
    stall: () => database.stall(),
    kill: async () => {
      database.sever();
      death.reject(new AppError('SERVER_UNREACHABLE', 'the simulated control plane died'));
      api.requests.stop(new StopCause('it died'));
      await stack.stop('it died', 0);
    },
  };
}
