// Ann's workspace, which was built with the first version of its template and stopped.
import type { OrganizationId, WorkspaceId } from '../../../src/base/id.ts';
import {
  manifestSchema,
  type Manifest,
  type ManifestParameter,
} from '../../../src/contract/manifest/schema.ts';
import { changeWorkspace } from '../../../src/workspaces/change-workspace.ts';
import { changeLife, type LifeChange } from '../../../src/workspaces/life/change-life.ts';
import type { Rebuild } from '../../../src/workspaces/plan-rebuild.ts';
import { previewRebuild, type PreviewedRebuild } from '../../../src/workspaces/preview-rebuild.ts';
import { rebuildWorkspace } from '../../../src/workspaces/rebuild-workspace.ts';
import { startWorkspace } from '../../../src/workspaces/start-workspace.ts';
import type { TakenJob } from '../../../src/store/job-acquire.ts';
import type { AttemptRef } from '../../../src/jobs/attempt.ts';
import { keepState } from '../../../src/jobs/state/keep-state.ts';
import { takeState } from '../../../src/jobs/state/take-state.ts';
import { asCreated, NO_WAITING } from '../../support/created.ts';
import { createTestCreator } from '../../support/creator.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { sampleManifest } from '../../support/manifest.ts';
import { createQueue, type FAILED, type TestDaemon, type TestQueue } from '../../support/queue.ts';
import type { TestStore } from '../../support/store.ts';

/** As a manifest declares them. */
export const parameter: Omit<ManifestParameter, 'name' | 'mutable' | 'sensitive'> = {
  ...{ type: 'string', description: '', default: '', options: [] },
};

/** Of the first version. */
export const OLD: Partial<Manifest> = {
  claim: 'instant',
  agents: [],
  parameters: [
    { ...parameter, name: 'region', default: 'eu', mutable: false, sensitive: false },
    { ...parameter, name: 'size', default: 'small', mutable: true, sensitive: false },
    { ...parameter, name: 'token', mutable: true, sensitive: true },
  ],
};

/** The agents of a manifest. */
export const agentsOf = (...names: readonly string[]): Manifest['agents'] =>
  names.map((name) => ({
    ...{ name, startup: null, on_claim: null },
    ...{ startup_timeout_seconds: 300, on_claim_timeout_seconds: 60 },
  }));

export interface RebuildGround {
  readonly make: Factory;
  readonly queue: TestQueue;
  readonly organizationId: OrganizationId;
  readonly pool: TestPool;
  readonly daemon: TestDaemon;
  /** The workspace. */
  readonly id: WorkspaceId;
  readonly change: (transition: 'start' | 'stop' | 'delete') => Promise<void>;
  readonly start: () => Promise<void>;
  readonly set: (life: Omit<LifeChange, 'id'>) => Promise<void>;
  readonly rebuild: (given: Partial<Rebuild>) => ReturnType<typeof rebuildWorkspace>;
  readonly preview: (given: Partial<PreviewedRebuild>) => ReturnType<typeof previewRebuild>;
  /** The next job, begun. */
  readonly begun: () => Promise<{ readonly job: TakenJob; readonly attempt: AttemptRef }>;
  /** The next job, done. */
  readonly built: (result?: typeof FAILED) => Promise<TakenJob>;
  /** The next job, which holds the state and writes these, done. */
  readonly builtWriting: (
    states: readonly string[],
    result?: typeof FAILED,
  ) => Promise<TakenJob['versionId']>;
  /** Another version that is active from now on, with a preset of the same name. */
  readonly promote: (manifest: Partial<Manifest>) => Promise<TestPool>;
}

/** The workspace has a state, which the first version's last stop wrote. */
export async function stand({ change, builtWriting }: RebuildGround): Promise<void> {
  await change('start');
  await builtWriting(['{"serial":1}']);
  await change('stop');
  await builtWriting(['{"serial":2}']);
}

/** What makes grounds in one database, each with its own organization. */
export function createRebuildGrounds(
  store: TestStore,
): (manifest?: Partial<Manifest>) => Promise<RebuildGround> {
  const make = createFactory(store);
  const queue = createQueue(store, make);
  return (manifest = OLD) => createGround({ store, make, queue }, manifest);
}

async function createGround(
  {
    store,
    make,
    queue,
  }: { readonly store: TestStore; readonly make: Factory; readonly queue: TestQueue },
  manifest: Partial<Manifest>,
): Promise<RebuildGround> {
  const organizationId = await make.organization();
  const ann = await make.user({ organizationId });
  const pool = await make.pool(await make.template({ organizationId, manifest }));
  const daemon = await queue.daemon({}, { organizationId });
  const by = { userId: ann, isAdmin: false };
  const [row] = await store.sql<{ name: string }>('select name from organizations where id = $1', [
    organizationId,
  ]);
  const created = await createTestCreator(queue.deps)(by, {
    ...{ organization: row!.name, template: pool.name, name: 'demo', preset: pool.presetName },
    parameters: { region: 'us', token: 'canary-51c0' },
    ...{ onEmpty: 'create', ...NO_WAITING, idempotencyKey: undefined },
  });
  const id = asCreated(created).workspaceId;

  const begun: RebuildGround['begun'] = async () => {
    const job = await queue.take(daemon);
    if (job === undefined) throw new Error('there was no job');
    return { job, attempt: { daemon, jobId: job.id, attempt: job.attempt } };
  };
  const built: RebuildGround['built'] = async (result) => {
    const { job, attempt } = await begun();
    await queue.complete(attempt, result);
    return job;
  };
  const builtWriting: RebuildGround['builtWriting'] = async (states, result) => {
    const { job, attempt } = await begun();
    const { lock } = await takeState(queue.deps, attempt);
    for (const [sequence, state] of states.entries()) {
      const { daemonId, incarnation } = daemon;
      const order = { daemonId, incarnation, sequence, lock };
      await keepState(queue.deps, { ...order, jobId: job.id, attempt: job.attempt, state });
    }
    await queue.complete(attempt, result);
    return job.versionId;
  };
  const change: RebuildGround['change'] = (transition) =>
    changeWorkspace(queue.deps, by, { id, transition });
  await built();
  await change('stop');
  await built();
  const asked = { id, updates: false, parameters: {} };
  return {
    ...{ make, queue, organizationId, pool, daemon, id, change, begun, built, builtWriting },
    start: () => startWorkspace(queue.deps, by, id),
    set: (life) => changeLife(queue.deps, by, { id, ...life }),
    rebuild: (given) => rebuildWorkspace(queue.deps, by, { ...asked, ...given }),
    preview: (given) => previewRebuild(queue.deps, by, { ...asked, restarts: false, ...given }),
    promote: async (changed) => {
      const { versionId, jobId } = await make.version(pool, { active: true });
      await store.sql(
        'update jobs set completed_at = standby_now(), succeeded = true where id = $1',
        [jobId],
      );
      await store.sql('update template_versions set manifest = $2 where id = $1', [
        versionId,
        manifestSchema.parse(sampleManifest({ ...OLD, ...changed })),
      ]);
      return make.pool({ ...pool, versionId }, { name: pool.presetName });
    },
  };
}
