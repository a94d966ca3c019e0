// The start of a workspace with a newer version of its template, or with other parameters.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { JobId, UserId, WorkspaceId } from '../../../src/base/id.ts';
import {
  manifestSchema,
  type Manifest,
  type ManifestParameter,
} from '../../../src/contract/manifest/schema.ts';
import { changeWorkspace } from '../../../src/workspaces/change-workspace.ts';
import { rebuildWorkspace, type Rebuild } from '../../../src/workspaces/rebuild-workspace.ts';
import type { TakenJob } from '../../../src/store/job-acquire.ts';
import { asCreated, NO_WAITING } from '../../support/created.ts';
import { createTestCreator } from '../../support/creator.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { sampleManifest } from '../../support/manifest.ts';
import { createQueue, FAILED, type TestDaemon, type TestQueue } from '../../support/queue.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let queue: TestQueue;
let daemon: TestDaemon;
let pool: TestPool;
let ann: UserId;
let id: WorkspaceId;

const parameter: Omit<ManifestParameter, 'name' | 'mutable' | 'sensitive'> = {
  ...{ type: 'string', description: '', default: '', options: [] },
};
const OLD: Partial<Manifest> = {
  claim: 'instant',
  agents: [],
  parameters: [
    { ...parameter, name: 'region', default: 'eu', mutable: false, sensitive: false },
    { ...parameter, name: 'size', default: 'small', mutable: true, sensitive: false },
    { ...parameter, name: 'token', mutable: true, sensitive: true },
  ],
};

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  queue = createQueue(store, make);
});
afterAll(() => store.close());

/** Ann's workspace of the first version, built and stopped. */
beforeEach(async () => {
  const organizationId = await make.organization();
  ann = await make.user({ organizationId });
  pool = await make.pool(await make.template({ organizationId, manifest: OLD }));
  daemon = await queue.daemon({}, { organizationId });
  const [row] = await store.sql<{ name: string }>('select name from organizations where id = $1', [
    organizationId,
  ]);
  const created = await createTestCreator(queue.deps)(
    { userId: ann, isAdmin: false },
    {
      ...{ organization: row!.name, template: pool.name, name: 'demo', preset: pool.presetName },
      parameters: { region: 'us', token: 'canary-51c0' },
      ...{ onEmpty: 'create', ...NO_WAITING, idempotencyKey: undefined },
    },
  );
  id = asCreated(created).workspaceId;
  await built();
  await change('stop');
  await built();
});

const by = (): { readonly userId: UserId; readonly isAdmin: boolean } => ({
  userId: ann,
  isAdmin: false,
});
const change = (transition: 'start' | 'stop' | 'delete'): Promise<void> =>
  changeWorkspace(queue.deps, by(), { id, transition });
const rebuild = (given: Partial<Rebuild>): ReturnType<typeof rebuildWorkspace> =>
  rebuildWorkspace(queue.deps, by(), { id, updates: false, parameters: {}, ...given });

/** The next job, done. */
async function built(result?: typeof FAILED): Promise<TakenJob> {
  const job = await queue.take(daemon);
  if (job === undefined) throw new Error('there was no job');
  await queue.complete({ daemon, jobId: job.id, attempt: job.attempt }, result);
  return job;
}

/** Another version that is active from now on, with a preset of the same name. */
async function promote(manifest: Partial<Manifest>): Promise<TestPool> {
  const { versionId, jobId } = await make.version(pool, { active: true });
  await store.sql('update jobs set completed_at = standby_now(), succeeded = true where id = $1', [
    jobId,
  ]);
  await store.sql('update template_versions set manifest = $2 where id = $1', [
    versionId,
    manifestSchema.parse(sampleManifest({ ...OLD, ...manifest })),
  ]);
  return make.pool({ ...pool, versionId }, { name: pool.presetName });
}

describe('a later build', () => {
  it('goes on with what the workspace has, and changes what may be changed', async () => {
    await rebuild({ parameters: { size: 'big' } });
    const job = await built();
    expect(job).toMatchObject({ versionId: pool.versionId });
    expect(job.build).toMatchObject({
      transition: 'start',
      parameters: { region: 'us', size: 'big', token: 'canary-51c0' },
    });
  });

  it('has a new value for a sensitive one sealed, and the plain row does not have it', async () => {
    await rebuild({ parameters: { token: 'canary-77ab' } });
    expect((await built()).build?.parameters).toMatchObject({ token: 'canary-77ab' });
    const rows = await store.sql<{ text: string }>(
      'select parameters::text as text from builds where workspace_id = $1',
      [id],
    );
    expect(JSON.stringify(rows)).not.toContain('canary');
  });

  it('refuses what is immutable, unknown or wrong, and makes nothing', async () => {
    await expect(rebuild({ parameters: { region: 'eu' } })).rejects.toMatchObject({
      code: 'PARAMETERS_INVALID',
      fields: { issues: [{ code: 'PARAMETER_IMMUTABLE', parameter: 'region' }] },
    });
    await expect(rebuild({ parameters: { colour: 'red' } })).rejects.toThrow('PARAMETERS_INVALID');
    expect(await queue.take(daemon)).toBeUndefined();
  });

  it('is none where the workspace runs as it would be built', async () => {
    const asItIs = { region: 'us', size: 'small', token: 'canary-51c0' };
    // A start is asked for, and so it is started where it does not run.
    expect(await rebuild({ parameters: asItIs })).toBe('begun');
    await built();
    expect(await rebuild({ parameters: asItIs })).toBe('unchanged');
    expect(await rebuild({ updates: true })).toBe('unchanged');
    expect(await queue.take(daemon)).toBeUndefined();
    await expect(rebuild({ parameters: { token: 'canary-77ab' } })).rejects.toThrow(
      'WORKSPACE_RUNNING',
    );
    await promote({});
    expect(await rebuild({ parameters: asItIs })).toBe('unchanged');
    await expect(rebuild({ updates: true })).rejects.toThrow('WORKSPACE_RUNNING');
  });

  it('is refused while it runs, once everything else is right', async () => {
    await change('start');
    await expect(rebuild({ parameters: { size: 'big' } })).rejects.toThrow('BUILD_IN_PROGRESS');
    await built();
    await expect(rebuild({ parameters: { region: 'eu' } })).rejects.toThrow('PARAMETERS_INVALID');
    await expect(rebuild({ parameters: { size: 'big' } })).rejects.toThrow('WORKSPACE_RUNNING');
    // Nothing was stored for what was refused.
    await expect(rebuild({ parameters: { token: 'other' } })).rejects.toThrow('WORKSPACE_RUNNING');
    expect(
      await store.sql('select from secret_parameters where workspace_id = $1', [id]),
    ).toHaveLength(1);
  });

  it('may follow one that failed', async () => {
    await change('start');
    await built(FAILED);
    await rebuild({ parameters: { size: 'big' } });
    expect((await built()).build?.parameters).toMatchObject({ size: 'big' });
  });

  it('is one only, however many ask at once', async () => {
    const asked = await Promise.allSettled(
      Array.from({ length: 6 }, () => rebuild({ parameters: { size: 'big' } })),
    );
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await built();
    expect(await queue.take(daemon)).toBeUndefined();
  });

  it('is for its owner, and not for what is the pool’s', async () => {
    const stranger = { userId: await make.user(pool), isAdmin: false };
    await expect(
      rebuildWorkspace(queue.deps, stranger, { id, updates: true, parameters: {} }),
    ).rejects.toThrow('NOT_FOUND');
  });
});

describe('an update', () => {
  it('that nobody began changes nothing of how the workspace is deleted', async () => {
    await promote({ tags: { gpu: 'a100' } });
    await rebuild({ updates: true });
    const [job] = await store.sql<{ id: JobId }>(
      `select id from jobs where status = 'pending' and organization_id = $1`,
      [pool.organizationId],
    );
    await queue.cancel(job!.id);
    await change('delete');
    expect(await built()).toMatchObject({
      versionId: pool.versionId,
      build: { transition: 'delete' },
    });
  });

  it('keeps sealed what was given as a secret, whatever the version calls it', async () => {
    const [region, size, token] = OLD.parameters!;
    await promote({ parameters: [region!, size!, { ...token!, sensitive: false }] });
    await rebuild({ updates: true });
    expect((await built()).build?.parameters).toMatchObject({ token: 'canary-51c0' });
    const rows = await store.sql('select parameters from builds where workspace_id = $1', [id]);
    expect(JSON.stringify(rows)).not.toContain('canary');
  });

  it('builds with the active version, its agents and its preset of the same name', async () => {
    await make.agent(id, { name: 'old', kind: 'program', timeoutSeconds: 20 });
    await make.agent(id, { name: 'main', kind: 'program', timeoutSeconds: 20 });
    const next = await promote({
      agents: [
        ...['main', 'more'].map((name) => ({
          ...{ name, startup: null, on_claim: null },
          ...{ startup_timeout_seconds: 300, on_claim_timeout_seconds: 60 },
        })),
      ],
      agent_timeout_seconds: 33,
    });
    await rebuild({ updates: true });
    expect(await built()).toMatchObject({ versionId: next.versionId });
    expect(
      await store.sql('select preset_id from builds where workspace_id = $1 order by number', [id]),
    ).toEqual([
      { preset_id: pool.presetId },
      { preset_id: pool.presetId },
      { preset_id: next.presetId },
    ]);
    expect(
      await store.sql(
        'select name, timeout_seconds from agents where workspace_id = $1 order by name',
        [id],
      ),
    ).toEqual([
      { name: 'main', timeout_seconds: 33 },
      { name: 'more', timeout_seconds: 33 },
    ]);
    // A start goes on with what the last build had.
    await change('stop');
    await built();
    await change('start');
    expect(await built()).toMatchObject({ versionId: next.versionId });
  });

  it('keeps values, whatever the version’s defaults are, and asks for what is new', async () => {
    const [region, size] = OLD.parameters!;
    const zone = { ...parameter, name: 'zone', default: null, mutable: false, sensitive: false };
    await promote({ parameters: [{ ...region!, default: 'asia' }, size!, zone] });
    await expect(rebuild({ updates: true })).rejects.toMatchObject({
      fields: { issues: [{ code: 'PARAMETER_MISSING', parameter: 'zone' }] },
    });
    await rebuild({ updates: true, parameters: { zone: 'a' } });
    // What the version does not declare any more is gone, secrets too.
    expect((await built()).build?.parameters).toEqual({ region: 'us', size: 'small', zone: 'a' });
  });

  it('is refused for another driver’s version', async () => {
    await promote({ driver: 'process' });
    await expect(rebuild({ updates: true })).rejects.toThrow('DRIVER_CHANGED');
  });
});
