// What is interleaved (interleave.ts): a pool made anew for every order, and the sessions that meet at
// it. Each is the product's own code.
import { expect } from 'vitest';
import {
  createId,
  type JobId,
  type PoolId,
  type UserId,
  type WorkspaceId,
} from '../../src/base/id.ts';
import { silentLog, type Log } from '../../src/base/log.ts';
import { completeJob } from '../../src/jobs/complete-job.ts';
import type { JobResult } from '../../src/domain/job/job.ts';
import type { Transaction } from '../../src/store/database.ts';
import { handOut } from '../../src/jobs/hand-out.ts';
import { ensureMembership } from '../../src/reconciler/membership.ts';
import type { ReconcilerOptions } from '../../src/reconciler/options.ts';
import { countForPool } from '../../src/store/counter.ts';
import { recordJudgedBuilds } from '../../src/store/judged-build.ts';
import { findTemplate, type TemplateRow } from '../../src/store/template.ts';
import { deleteTemplate } from '../../src/templates/delete-template.ts';
import { deprecateTemplate } from '../../src/templates/deprecate-template.ts';
import { invalidateTemplate } from '../../src/templates/invalidate-template.ts';
import { promoteVersion } from '../../src/templates/promote-version.ts';
import { createTestCreator } from './creator.ts';
import type { KnownTemplates } from '../../src/workspaces/known-templates.ts';
import { deletePrebuild } from '../../src/workspaces/delete-workspace.ts';
import type { WorkspaceRequest } from '../../src/workspaces/request.ts';
import { completeDeps, completeTogetherDeps } from './complete-deps.ts';
import { createFactory, type TestPool } from './factory.ts';
import { interleave, type Explored, type Interleaving, type Play } from './interleave.ts';
import { findViolations } from './pool-invariants.ts';
import { createQueue, type TestDaemon, type TestQueue } from './queue.ts';
import { makeReady } from './ready-prebuild.ts';
import { doneOf, reconcileNow } from './reconcile.ts';
import { openTestStore, type TestStore } from './store.ts';
import { asCreated, NO_WAITING } from './created.ts';
import { written } from './written.ts';

/** How PostgreSQL joins: as it likes, or row by row, which is what `in (select … limit 1)` fails under. */
export const PLANNERS: Readonly<Record<string, readonly string[]>> = {
  'as it likes': [],
  'by nested loops': ['hashjoin', 'mergejoin', 'material', 'sort', 'indexscan', 'bitmapscan'],
};

export const OPERATOR = { username: 'operator' };

export interface World {
  readonly organization: string;
  readonly pool: TestPool;
  /** Members of the organization. */
  readonly users: readonly UserId[];
}

export interface Versions extends World {
  /** The same pool in a version that is not active yet. */
  readonly next: TestPool;
}

export interface Working extends World {
  readonly daemon: TestDaemon;
  /** Of a member's first build. */
  readonly jobId: JobId;
}

export interface PoolOptions {
  readonly desired?: number;
  /** How many can be claimed. */
  readonly ready?: number;
  readonly claim?: 'apply' | 'instant';
}

export const BUDGET = ['creation_budget.lock', 'creation_budget.read'];
/** What a claim reads before, and writes when it got nothing. */
export const AROUND_A_CLAIM = [
  ...['claim.resolve_request', 'claim.explain_miss', 'claim.record_miss'],
];
/** How the result of a build may be stored. */
export const COMPLETIONS = ['completeAlone', 'completeTogether'] as const;
/** Locked after the member's and the workspace's row, at which both meet already. */
export const BEHIND_THE_MEMBER = ['job.lock'];

/**
 * These write only what their transaction has made or holds locked, so that to stop before one would
 * only repeat orders: what others see is decided by the lock before and the commit after.
 */
const MEETS_NOBODY = [
  ...['workspace.insert', 'build.insert', 'agent.insert', 'pool_event.insert'],
  ...['pool_member.insert', 'pool_member.set_build', 'pool_member.remove_many'],
  ...['prebuild.cancel_pending_jobs', 'workspace.mark_deleted', 'preset.read_sources'],
  ...['prebuild_membership.insert', 'prebuild_membership.insert_group_member'],
  ...['pool_brakes.store', 'pool_brakes.store_trial', 'pool_brakes.void_trial'],
  ...['preset.retry_validation'],
  ...['pool_member.finish_build', 'pool_member.derive_readiness', 'pool_member.remove'],
  ...['build.finish', 'job.finish', 'job.requeue', 'judged_build.record'],
  ...[
    'counter.count_for_pool',
    'job.find_subject',
    'daemon.find',
    'template_version.find',
    'template_version.pools',
  ],
];

export interface ClaimOptions extends Partial<Pick<WorkspaceRequest, 'idempotencyKey'>> {
  /** What former claims have left. */
  readonly knownTemplates?: KnownTemplates;
}

export interface Plays extends AsyncDisposable {
  readonly store: TestStore;
  readonly queue: TestQueue;
  /**
   * Tries every order, and checks beside the play's own check what holds after each one. `everywhere`
   * stops before what meets nobody, too, which is how a lock that is missing shows.
   */
  explore<W>(play: Interleaving<W>, options?: { readonly everywhere: boolean }): Promise<Explored>;
  pool(options?: PoolOptions): Promise<World>;
  versions(options?: PoolOptions): Promise<Versions>;
  /** With one build that waits for the daemon. */
  work(options?: PoolOptions): Promise<Working>;
  /** With one build that the daemon has. */
  running(options?: PoolOptions): Promise<Working>;
  /** The pool's first build, with a daemon that has it. */
  takeFirst(world: World): Promise<Working>;
  /** A second pool of the same template. */
  beside(world: World, options: { readonly desired: number }): Promise<TestPool>;
  claimBy(person: number, options?: ClaimOptions): Play<World>;
  pass: Play<World>;
  passOver(options: Partial<ReconcilerOptions>): Play<Pick<World, 'pool'>>;
  promote: Play<Versions>;
  deprecate: Play<World>;
  deleteTemplate: Play<World>;
  invalidate: Play<World>;
  /** What an administrator does to the pool's first prebuild. */
  deletePrebuild: Play<World>;
  acquire: Play<Working>;
  completeAlone(result: JobResult): Play<Working>;
  /** The same by the statements for many at once. */
  completeTogether(result: JobResult): Play<Working>;
  /** What operators do to the world's pool, or to all. */
  operate(work: (tx: Transaction, poolId: PoolId) => Promise<void>): Play<World>;
  /** Its newest builds failed, and a trial is due. */
  limit(world: World): Promise<void>;
  /** Fresh and starting ones. */
  countLiving(pool: TestPool): Promise<number>;
}

export async function openPlays(planner: keyof typeof PLANNERS = 'as it likes'): Promise<Plays> {
  const retried: unknown[] = [];
  const store = await openTestStore(noteRetries(retried));
  for (const method of PLANNERS[planner] ?? []) {
    await store.sql(
      `do $$ begin
         execute format('alter database %I set enable_${method} = off', current_database());
       end $$`,
    );
  }
  const { kit } = store;
  const make = createFactory(store);
  const queue = createQueue(store, make);

  /** What was made without the reconciler has to look as if it had made it. */
  const countCreation = ({ poolId }: TestPool): Promise<void> =>
    written(store.database, (tx) => countForPool(tx, 'prebuilds_created', poolId));
  const pool: Plays['pool'] = async ({ desired = 1, ready = 0, claim = 'apply' } = {}) => {
    const organization = `org-${createId(kit).slice(-12)}`;
    const organizationId = await make.organization(organization);
    // Two first passes that both make it meet at its rows, and would not meet anywhere else.
    await ensureMembership(kit, store.database, organizationId);
    const template = await make.template({ organizationId, manifest: { claim } });
    const made = await make.pool(template, { desired });
    for (const workspaceId of await makeReady(store, make, { pool: made, count: ready })) {
      await countCreation(made);
      const { poolId } = made;
      await written(store.database, (tx) =>
        recordJudgedBuilds(tx, [{ poolId, workspaceId, failed: false }]),
      );
    }
    const users = [await make.user({ organizationId }), await make.user({ organizationId })];
    return { organization, pool: made, users };
  };
  const work: Plays['work'] = async (options) => {
    const world = await pool(options);
    const daemon = await queue.daemon({}, { organizationId: world.pool.organizationId });
    const { jobId } = await make.prebuild(world.pool);
    await countCreation(world.pool);
    return { ...world, daemon, jobId };
  };
  const acquire: Plays['acquire'] = async (database, { daemon, pool: { organizationId } }) => {
    const { handed } = await handOut(
      database,
      {
        offer: { organizationId, drivers: ['null'], tags: {}, protocolVersion: 3 },
        slots: [{ ...daemon, machineId: daemon.asked.machineId, callId: createId(store.kit) }],
        expected: 'others',
      },
      { maxCreations: 1_000 },
    );
    // One that was replaced is told so instead.
    return handed.length > 0 ? 'taken' : 'nothing';
  };
  const passOver: Plays['passOver'] =
    (options) =>
    async (database, { pool: { poolId } }) =>
      doneOf(await reconcileNow({ kit, database }, poolId, options)).join('; ');

  const templateOf = async ({
    pool: { organizationId, name },
  }: Pick<World, 'pool'>): Promise<TemplateRow> => {
    const template = await findTemplate(store.database, organizationId, name);
    if (template === undefined) throw new Error(`there is no template ${name}`);
    return template;
  };
  const onTemplate =
    (
      done: string,
      work: (tx: Transaction, template: TemplateRow) => Promise<unknown>,
    ): Play<World> =>
    async (database, world) => {
      const template = await templateOf(world);
      await database.transaction((tx) => work(tx, template));
      return done;
    };

  return {
    store,
    queue,
    explore: async (play, { everywhere } = { everywhere: false }) => {
      const through = [...(everywhere ? [] : MEETS_NOBODY), ...(play.through ?? [])];
      const explored = await interleave(store, { ...play, through });
      expect(await findViolations(store)).toEqual([]);
      // Everybody locks in one order, so nobody ever meets in a deadlock.
      expect(retried).toEqual([]);
      return explored;
    },
    pool,
    versions: async (options) => {
      const world = await pool(options);
      const { versionId, jobId } = await make.version(world.pool);
      await store.sql(
        'update jobs set completed_at = standby_now(), succeeded = true where id = $1',
        [jobId],
      );
      const { presetName } = world.pool;
      const next = await make.pool({ ...world.pool, versionId }, { name: presetName, desired: 3 });
      return { ...world, next };
    },
    work,
    running: async (options) => {
      const world = await work(options);
      await acquire(store.database, world, () => Promise.resolve());
      return world;
    },
    takeFirst: async (world) => {
      const { organizationId, poolId } = world.pool;
      const daemon = await queue.daemon({}, { organizationId });
      const [first] = await store.sql<{ job_id: JobId }>(
        'select job_id from pool_members where pool_id = $1 order by workspace_id limit 1',
        [poolId],
      );
      if (first === undefined) throw new Error('the pool has no member');
      const working = { ...world, daemon, jobId: first.job_id };
      await acquire(store.database, working, () => Promise.resolve());
      return working;
    },
    beside: (world, { desired }) => make.pool(world.pool, { desired, name: 'other' }),
    claimBy:
      (person, { idempotencyKey, knownTemplates } = {}) =>
      async (database, { organization, pool: wanted, users }) => {
        const userId = users[person];
        if (userId === undefined) throw new Error(`there is no person ${person}`);
        const made = await createTestCreator(
          { ...kit, database, keyring: store.keyring },
          knownTemplates === undefined ? {} : { knownTemplates },
        )(
          { userId, isAdmin: false },
          {
            organization,
            template: wanted.name,
            name: 'mine',
            preset: wanted.presetName,
            parameters: {},
            onEmpty: 'fail',
            ...NO_WAITING,
            idempotencyKey,
          },
        );
        return asCreated(made).claimed ? 'hit' : 'made';
      },
    pass: passOver({}),
    passOver,
    promote: onTemplate('promoted', (tx, template) =>
      promoteVersion(kit, tx, {
        template,
        version: 'v2',
        by: OPERATOR,
        options: { maxInFlight: null },
      }),
    ),
    deprecate: onTemplate('deprecated', (tx, template) =>
      deprecateTemplate(kit, tx, { template, by: OPERATOR, message: 'use another one' }),
    ),
    deleteTemplate: onTemplate('deleted', (tx, template) =>
      deleteTemplate(kit, tx, { template, by: OPERATOR }),
    ),
    invalidate: onTemplate('invalidated', (tx, template) =>
      invalidateTemplate(kit, tx, { template, by: OPERATOR }),
    ),
    deletePrebuild: async (database, { pool: { poolId }, users }) => {
      const [first] = await store.sql<{ id: WorkspaceId }>(
        'select id from workspaces where pool_id = $1 order by id limit 1',
        [poolId],
      );
      const userId = users[1];
      if (first === undefined || userId === undefined) throw new Error('there is no prebuild');
      const admin = { ...OPERATOR, userId, isAdmin: true };
      await deletePrebuild({ ...kit, database }, admin, first.id);
      return 'deleting';
    },
    acquire,
    completeAlone:
      (result) =>
      async (database, { daemon, jobId }) => {
        await completeJob(completeDeps(store, database), { daemon, jobId, attempt: 1 }, result);
        return 'told';
      },
    completeTogether:
      (result) =>
      async (database, { daemon, jobId }) => {
        const [build] = await store.sql<{ workspaceId: WorkspaceId }>(
          'select workspace_id as "workspaceId" from builds where job_id = $1',
          [jobId],
        );
        if (build === undefined) throw new Error(`the job ${jobId} is of no build`);
        const deps = completeTogetherDeps(store, database, { ...build, jobId });
        await completeJob(deps, { daemon, jobId, attempt: 1 }, result);
        return 'told';
      },
    operate:
      (work) =>
      async (database, { pool: { poolId } }) => {
        await database.transaction((tx) => work(tx, poolId));
        return 'done';
      },
    limit: async ({ pool: { poolId, presetId } }) => {
      await store.sql(
        `with failed as (
           insert into judged_builds
             (pool_id, workspace_id, preset_id, created_at, completed_at, failed)
           select $1, gen_random_uuid(), $2, at, at, true
           from generate_series(1, 3) as n
           cross join lateral (select standby_now() - n * interval '1 minute' as at) as failure
         )
         insert into pool_brakes (pool_id, preset_id, judged_since, limited_at, trial_at, cooldown_ms)
         select $1, $2, now - interval '1 hour', now - interval '1 minute', now, 900000
         from (select standby_now() as now) as clock`,
        [poolId, presetId],
      );
    },
    countLiving: async ({ presetId }) => {
      const rows = await store.sql(
        `select from pool_members where preset_id = $1 and transition = 'start'`,
        [presetId],
      );
      return rows.length;
    },
    [Symbol.asyncDispose]: () => store.close(),
  };
}

/** Without steps: at once, as one. */
export function atOnce<W>(plays: Plays, play: Play<W>, world: W): Promise<unknown> {
  return play(plays.store.database, world, () => Promise.resolve());
}

function noteRetries(retried: unknown[]): Log {
  const log: Log = {
    ...silentLog,
    debug: (event, fields) => {
      if (event === 'database.retried') retried.push(fields);
    },
    child: () => log,
  };
  return log;
}
