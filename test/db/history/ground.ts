// A world in which workspaces come and go, made by the product, and what is left of it.
import type { UserId, WorkspaceId } from '../../../src/base/id.ts';
import {
  pruneHistory,
  prunePoolEvents,
  type PrunedHistory,
} from '../../../src/jobs/prune-history.ts';
import type { AttemptRef } from '../../../src/jobs/attempt.ts';
import { takeState } from '../../../src/jobs/state/take-state.ts';
import type { Database } from '../../../src/store/database.ts';
import { CHECKS } from '../../../src/store/doctor/all.ts';
import { examine, type Examination } from '../../../src/store/doctor/examine.ts';
import type { CreatedWorkspace } from '../../../src/workspaces/served.ts';
import { createTestCreator, judgeNoAgents, UNPROVEN } from '../../support/creator.ts';
import { changeWorkspace } from '../../../src/workspaces/change-workspace.ts';
import type { WorkspaceRequest } from '../../../src/workspaces/request.ts';
import { asCreated, NO_WAITING } from '../../support/created.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { createQueue, type TestDaemon, type TestQueue } from '../../support/queue.ts';
import { reconcileNow } from '../../support/reconcile.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** What hangs on workspaces. */
const ABOUT_WORKSPACES = [
  ...['workspaces', 'builds', 'agents', 'agent_sessions', 'claims', 'state_locks'],
  ...['workspace_states', 'secret_parameters', 'idempotency_keys', 'pool_events', 'job_logs'],
];

export interface HistoryGround {
  readonly store: TestStore;
  readonly make: Factory;
  readonly queue: TestQueue;
  readonly daemon: TestDaemon;
  readonly pool: TestPool;
  readonly ann: UserId;
  create(given?: Partial<WorkspaceRequest>): Promise<CreatedWorkspace>;
  /** Asks for its end, and has whatever waits built. */
  remove(workspaceId: WorkspaceId): Promise<void>;
  /** Reconciles the pool and builds until nothing is left to do; builds hold their states. */
  settle(): Promise<void>;
  prune(
    retentionMs: number,
    database?: Database,
  ): Promise<PrunedHistory & { readonly poolEvents: number }>;
  /** Rows of every table that hangs on workspaces, and jobs but for imports; those that are empty left out. */
  rows(): Promise<Readonly<Record<string, number>>>;
  exists(workspaceId: WorkspaceId): Promise<boolean>;
  examine(): Promise<Examination>;
}

/** A pool of two, full. */
export async function layHistoryGround(): Promise<HistoryGround> {
  const store = await openTestStore();
  const make = createFactory(store);
  const queue = createQueue(store, make);
  const organizationId = await make.organization('acme');
  const ann = await make.user({ organizationId });
  const agent = { name: 'main', startup: null, on_claim: null };
  const times = { startup_timeout_seconds: 60, on_claim_timeout_seconds: 60 };
  const agents = [{ ...agent, ...times }];
  const template = await make.template({ organizationId, manifest: { claim: 'instant', agents } });
  const pool = await make.pool(template, { name: 'small', desired: 2 });
  const daemon = await queue.daemon({}, { organizationId });

  const build = async (attempt: AttemptRef): Promise<void> => {
    await takeState(queue.deps, attempt);
    await queue.complete(attempt);
  };
  /** Nobody speaks for the agents. */
  const hear = async (): Promise<void> => {
    await store.sql(`update agents set lifecycle = 'ready', last_seen_at = standby_now()
      where lifecycle in ('created', 'ready')`);
    await store.sql(`update pool_members set ready = true, unready_since = null
      where running_since is not null`);
  };
  const settle = async (): Promise<void> => {
    await hear();
    for (;;) {
      await reconcileNow(store, pool.poolId);
      const job = await queue.take(daemon);
      if (job === undefined) break;
      await build({ daemon, jobId: job.id, attempt: job.attempt });
    }
    await hear();
  };
  await settle();
  await judgeNoAgents(store);
  const createWorkspace = createTestCreator(queue.deps, { proof: UNPROVEN });
  return {
    ...{ store, make, queue, daemon, pool, ann, settle },
    create: async (given = {}) => {
      await hear();
      return createWorkspace(
        { userId: ann, isAdmin: false },
        {
          ...{ organization: 'acme', template: pool.name, name: 'demo', preset: pool.presetName },
          ...{ parameters: {}, onEmpty: 'create', ...NO_WAITING, idempotencyKey: undefined },
          ...given,
        },
      ).then(asCreated);
    },
    remove: async (workspaceId) => {
      await changeWorkspace(
        queue.deps,
        { userId: ann, isAdmin: false },
        { id: workspaceId, transition: 'delete' },
      );
      await settle();
    },
    prune: async (retentionMs, database = store.database) => {
      const deps = { ...store.kit, database };
      const { signal } = new AbortController();
      return {
        ...(await pruneHistory(deps, { retentionMs }, signal)),
        poolEvents: await prunePoolEvents(deps, { retentionMs }, signal),
      };
    },
    rows: async () => {
      const counts = ABOUT_WORKSPACES.map(
        (table) => `select '${table}' as name, count(*)::integer as rows from ${table}`,
      );
      const found = await store.sql<{ readonly name: string; readonly rows: number }>(
        `${counts.join(' union all ')}
         union all
         select 'jobs', count(*) from jobs where type <> 'template_version_import'`,
      );
      return Object.fromEntries(
        found.filter(({ rows }) => rows > 0).map(({ name, rows }) => [name, rows]),
      );
    },
    exists: async (workspaceId) =>
      (await store.sql('select from workspaces where id = $1', [workspaceId])).length === 1,
    examine: () =>
      store.database.transaction((tx) => examine(tx, CHECKS, { checkTimeoutMs: 10_000 }), {
        mode: 'snapshot',
      }),
  };
}
