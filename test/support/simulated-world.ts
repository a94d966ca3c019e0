// The real system as the simulation runs it: two replicas with their leases on one database, daemons
// that ask the real queue, people who claim, and notices that are collected instead of delivered.
import { createId, type PoolId, type UserId, type WorkspaceId } from '../../src/base/id.ts';
import type { Kit } from '../../src/base/kit.ts';
import type { AttemptRef } from '../../src/jobs/attempt.ts';
import { createLease, type Lease } from '../../src/reconciler/lease.ts';
import type { Database } from '../../src/store/database.ts';
import type { Notice } from '../../src/store/notice.ts';
import { findTemplate, type TemplateRow } from '../../src/store/template.ts';
import { createFactory, type TestPool } from './factory.ts';
import { createQueue, type TestDaemon, type TestQueue } from './queue.ts';
import type { Seeded } from './seeded.ts';
import type { TestStore } from './store.ts';

export interface SimulatedReplica {
  readonly kit: Kit;
  readonly database: Database;
  readonly lease: Lease;
  /** What it has written is committed only then. */
  stalled: Promise<undefined> | undefined;
}

export interface SimulatedTemplate {
  readonly row: TemplateRow;
  readonly poolId: PoolId;
  /** The pool in each of its versions, the active one first. */
  versions: readonly TestPool[];
}

/** A claim by its name, which is its idempotency key too. */
export interface SimulatedClaim {
  readonly name: string;
  readonly template: SimulatedTemplate;
}

export interface SimulatedWorld {
  readonly store: TestStore;
  readonly random: Seeded;
  readonly replicas: readonly SimulatedReplica[];
  readonly queue: TestQueue;
  readonly daemons: readonly TestDaemon[];
  readonly organization: string;
  readonly userId: UserId;
  readonly templates: readonly SimulatedTemplate[];
  /** Not delivered yet. */
  readonly notices: Notice[];
  /** What daemons work on. */
  held: readonly AttemptRef[];
  /** What daemons worked on when they were taken for dead. */
  forgotten: readonly AttemptRef[];
  /** Answered with a workspace, by name. */
  readonly claimed: Map<string, SimulatedClaim & { readonly workspaceId: WorkspaceId }>;
  /** Sent and not answered: nobody knows whether it was served. */
  unanswered: readonly SimulatedClaim[];
  claims: number;
  /** Every start fails. */
  badTemplate: boolean;
}

export async function createSimulatedWorld(
  store: TestStore,
  random: Seeded,
): Promise<SimulatedWorld> {
  const make = createFactory(store);
  const organization = 'simulated';
  const organizationId = await make.organization(organization);
  const queue = createQueue(store, make);
  const templates: SimulatedTemplate[] = [];
  for (const desired of [2, 3]) {
    const template = await make.template({ organizationId, manifest: { claim: claimOf(desired) } });
    const first = await make.pool(template, { desired });
    const { versionId, jobId } = await make.version(template);
    await store.sql(
      'update jobs set completed_at = standby_now(), succeeded = true where id = $1',
      [jobId],
    );
    const next = await make.pool({ ...first, versionId }, { name: first.presetName, desired: 3 });
    const row = await findTemplate(store.database, organizationId, template.name);
    if (row === undefined) throw new Error(`there is no template ${template.name}`);
    templates.push({ row, poolId: first.poolId, versions: [first, next] });
  }
  const notices: Notice[] = [];
  return {
    store,
    random,
    replicas: [store.database, store.open(4)].map((database) => {
      database.onNotices((more) => notices.push(...more));
      return createReplica(store.kit, database);
    }),
    queue,
    daemons: [
      await queue.daemon({}, { organizationId }),
      await queue.daemon({}, { organizationId }),
    ],
    organization,
    userId: await make.user({ organizationId }),
    templates,
    notices,
    held: [],
    forgotten: [],
    claimed: new Map(),
    unanswered: [],
    claims: 0,
    badTemplate: false,
  };
}

/** One pool of each kind. */
function claimOf(desired: number): 'apply' | 'instant' {
  return desired % 2 === 0 ? 'apply' : 'instant';
}

function createReplica(kit: Kit, database: Database): SimulatedReplica {
  const options = {
    name: 'reconciler',
    holder: createId(kit),
    ttlMs: 15_000,
    takeAtOnce: false,
  };
  const replica: SimulatedReplica = {
    kit,
    database: {
      ...database,
      transaction: (work, how) =>
        database.transaction(async (tx) => {
          const result = await work(tx);
          await replica.stalled;
          return result;
        }, how),
    },
    lease: createLease({ kit, database, onTaken: () => undefined }, options),
    stalled: undefined,
  };
  return replica;
}
