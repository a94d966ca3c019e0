// The start of a workspace with a newer version of its template, or with other parameters.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { JobId } from '../../../src/base/id.ts';
import { rebuildWorkspace } from '../../../src/workspaces/rebuild-workspace.ts';
import { FAILED } from '../../support/queue.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import {
  agentsOf,
  createRebuildGrounds,
  OLD,
  parameter,
  type RebuildGround,
} from './rebuild-ground.ts';

let store: TestStore;
let createGround: ReturnType<typeof createRebuildGrounds>;
let make: RebuildGround['make'];
let queue: RebuildGround['queue'];
let daemon: RebuildGround['daemon'];
let pool: RebuildGround['pool'];
let id: RebuildGround['id'];
let organizationId: RebuildGround['organizationId'];
let change: RebuildGround['change'];
let rebuild: RebuildGround['rebuild'];
let built: RebuildGround['built'];
let promote: RebuildGround['promote'];

beforeAll(async () => {
  store = await openTestStore();
  createGround = createRebuildGrounds(store);
});
afterAll(() => store.close());

beforeEach(async () => {
  ({ make, queue, daemon, pool, id, organizationId, change, rebuild, built, promote } =
    await createGround());
});

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
    const asItIs = { region: 'us', size: 'small' };
    // A start is asked for, and so it is started where it does not run.
    expect(await rebuild({ parameters: asItIs })).toBe('begun');
    await built();
    expect(await rebuild({ parameters: asItIs })).toBe('unchanged');
    expect(await rebuild({ updates: true })).toBe('unchanged');
    expect(await queue.take(daemon)).toBeUndefined();
    // A secret counts as another one, whatever it is: nobody finds it out by guessing.
    for (const token of ['canary-51c0', 'canary-77ab'])
      await expect(rebuild({ parameters: { token } })).rejects.toThrow('WORKSPACE_RUNNING');
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
      agents: agentsOf('main', 'more'),
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

  it('is refused for tags that no daemon of its machine has', async () => {
    const tags = { zone: 'eu', gpu: 'a100' };
    await promote({ tags });
    await store.sql('update workspaces set machine_id = $2 where id = $1', [id, 'machine']);
    await queue.daemon({ tags, machineId: 'another' }, { organizationId });
    const refused = rebuild({ updates: true });
    await expect(refused).rejects.toThrow('MACHINE_UNFIT');
    await expect(refused).rejects.toThrow(/machine "machine".*: gpu=a100, zone=eu$/);
    // It may go on with the version that it has.
    expect(await rebuild({ parameters: { size: 'big' } })).toBe('begun');
    await built(FAILED);

    // Those that are there count, and once none is, those that were.
    const able = await queue.daemon({ tags: { ...tags, more: '1' } }, { organizationId });
    await store.sql(`update daemons set last_seen_at = '2020-01-01' where id = $1`, [
      able.daemonId,
    ]);
    await expect(rebuild({ updates: true })).rejects.toThrow('MACHINE_UNFIT');
    await store.sql(`update daemons set last_seen_at = '2020-01-01' where organization_id = $1`, [
      organizationId,
    ]);
    expect(await rebuild({ updates: true })).toBe('begun');
  });

  it('is not refused for tags where nothing is known of its machine', async () => {
    await promote({ tags: { gpu: 'a100' } });
    await store.sql('update workspaces set machine_id = $2 where id = $1', [id, 'unknown']);
    expect(await rebuild({ updates: true })).toBe('begun');
  });

  it('is refused for another driver’s version', async () => {
    await promote({ driver: 'process' });
    await expect(rebuild({ updates: true })).rejects.toThrow('DRIVER_CHANGED');
  });
});
