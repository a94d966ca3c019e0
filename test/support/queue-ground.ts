// A database with a queue, and an organization of its own for each test of a file.
import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { OrganizationId, UserId } from '../../src/base/id.ts';
import { acquireJob, type AcquireDeps } from '../../src/jobs/acquire-job.ts';
import type { DaemonRef } from '../../src/jobs/attempt.ts';
import { createDispatcher } from '../../src/jobs/dispatcher.ts';
import type { Database } from '../../src/store/database.ts';
import type { TakenJob } from '../../src/store/job-acquire.ts';
import { registeredStatements, type Query } from '../../src/store/statement.ts';
import { createFactory, type Factory, type TestTemplate } from './factory.ts';
import { createQueue, DEAF, DISPATCH, type TestDaemon, type TestQueue } from './queue.ts';
import { openTestStore, type TestStore } from './store.ts';

export interface QueueGround {
  readonly store: TestStore;
  readonly make: Factory;
  readonly queue: TestQueue;
  readonly organizationId: OrganizationId;
  /** A member of it. */
  readonly ownerId: UserId;
  readonly template: TestTemplate;
  /** Daemons of the organization, each on a machine of its own. */
  daemons(
    count: number,
    change?: Parameters<TestQueue['daemon']>[0],
  ): Promise<readonly TestDaemon[]>;
  /** Jobs without a build, in one statement. */
  insertJobs(count: number): Promise<void>;
  /** The daemons of the jobs that run. */
  held(): Promise<readonly string[]>;
  /** Whatever waits or runs. */
  endAll(): Promise<void>;
  /** A control plane of its own on the same database. */
  replica(
    database?: Database,
    maxCreations?: number | null,
  ): {
    wait(daemon: DaemonRef, waitMs?: number, signal?: AbortSignal): Promise<TakenJob | undefined>;
  };
}

/** What is there once the tests run. */
type MadeAnew = 'store' | 'make' | 'queue' | 'organizationId' | 'ownerId' | 'template';

/** To be called at the top of a file. */
export function useQueueGround(): QueueGround {
  type Made = { -readonly [Key in MadeAnew]: QueueGround[Key] };
  const methods: Omit<QueueGround, MadeAnew> = {
    daemons: (count, change = {}) =>
      Promise.all(
        Array.from({ length: count }, (_, index) =>
          ground.queue.daemon(
            { machineId: `machine ${index}`, ...change },
            { organizationId: ground.organizationId },
          ),
        ),
      ),
    insertJobs: async (count) => {
      await ground.store.sql(
        `insert into jobs (id, type, organization_id, driver, initiator_id, class, created_at)
         select gen_random_uuid(), 'template_version_import', $1, 'null', $2, 2, standby_now()
         from generate_series(1, $3::integer)`,
        [ground.organizationId, ground.ownerId, count],
      );
    },
    held: async () => {
      const rows = await ground.store.sql<{ daemon_id: string }>(
        `select daemon_id from jobs where status = 'running' and organization_id = $1`,
        [ground.organizationId],
      );
      return rows.map(({ daemon_id: id }) => id);
    },
    endAll: async () => {
      await ground.store.sql(
        `update jobs set canceled_at = standby_now(), completed_at = standby_now()
         where completed_at is null`,
      );
    },
    replica: (database = ground.store.open(), maxCreations = 1_000) => {
      const { kit, keyring } = ground.store;
      const dispatcher = createDispatcher(
        { ...kit, database, bus: DEAF },
        { ...DISPATCH, pollMs: 10, maxCreations },
      );
      const deps: AcquireDeps = { ...kit, keyring, database, dispatcher };
      return {
        wait: (daemon, waitMs = 60_000, signal = new AbortController().signal) =>
          acquireJob(deps, daemon, { signal, waitMs }),
      };
    },
  };
  const ground = Object.assign({} as Made, methods);

  beforeAll(async () => {
    ground.store = await openTestStore();
    ground.make = createFactory(ground.store);
    ground.queue = createQueue(ground.store, ground.make);
  });
  afterAll(() => ground.store.close());
  beforeEach(async () => {
    // Whatever a test left behind in the queue is not the next one's business.
    await ground.endAll();
    const organizationId = await ground.make.organization();
    ground.organizationId = organizationId;
    ground.ownerId = await ground.make.user({ organizationId });
    ground.template = await ground.make.template({ organizationId });
  });
  return ground;
}

/** Takes jobs, if there are any. */
export function isLook({ name }: Pick<Query, 'name'>): boolean {
  return /^job\.take(_|$)/.test(name);
}

function slotsOf({ name, values }: Query): number {
  const { parameters } = registeredStatements().find((statement) => statement.name === name)!;
  const bySlot = parameters.findIndex((parameter) => /^(call|machine)Ids$/.test(parameter));
  return (values[bySlot] as readonly unknown[]).length;
}

/** Queries of a name, counted as they are made. */
export function countQueries(database: Database): {
  readonly database: Database;
  readonly counts: ReadonlyMap<string, number>;
  /** Slots that each look that was made was for. */
  readonly looks: readonly number[];
} {
  const counts = new Map<string, number>();
  const looks: number[] = [];
  const query: Database['query'] = async (asked) => {
    counts.set(asked.name, (counts.get(asked.name) ?? 0) + 1);
    const result = await database.query(asked);
    if (isLook(asked) || asked.name === 'job.any_fits') {
      looks.push(slotsOf(asked));
    }
    return result;
  };
  return { database: { ...database, query }, counts, looks };
}
