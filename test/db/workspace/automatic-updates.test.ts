// Starts with the version that is active then, of workspaces whose owners want that.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { WorkspaceId } from '../../../src/base/id.ts';
import { findWorkspaces } from '../../../src/store/workspace.ts';
import { keepLives } from '../../../src/workspaces/life/keep-lives.ts';
import { changeLife } from '../../../src/workspaces/life/change-life.ts';
import { look, openLifeGround } from '../../support/life.ts';
import { openLine } from '../../support/line.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { createRebuildGrounds, OLD, parameter, type RebuildGround } from './rebuild-ground.ts';

const HALF_AN_HOUR_MS = 1_800_000;
/** What a workspace of the first version cannot have. */
const UNFIT = {
  parameters: [
    ...OLD.parameters!,
    { ...parameter, name: 'team', mutable: true, sensitive: false, default: null },
  ],
};

let store: TestStore;
let createGround: ReturnType<typeof createRebuildGrounds>;
let ground: RebuildGround;

beforeAll(async () => {
  store = await openTestStore();
  createGround = createRebuildGrounds(store);
});
afterAll(() => store.close());
beforeEach(async () => {
  ground = await createGround();
});

/** By the versions' numbers, newest first. */
const starts = () =>
  store.sql(
    `select v.number as version, b.reason
     from builds b join template_versions v on v.id = b.version_id
     where b.workspace_id = $1 and b.transition = 'start' and b.number > 1
     order by b.number desc`,
    [ground.id],
  );

const updatesOf = async (id: WorkspaceId): Promise<unknown> => {
  const rows = await store.sql<{ updates: string }>(
    'select automatic_updates as updates from workspaces where id = $1',
    [id],
  );
  return rows[0]?.updates;
};

describe('a workspace that is to be updated automatically', () => {
  beforeEach(() => ground.set({ automaticUpdates: 'always' }));

  it('is started with the version that is active then', async () => {
    await ground.start();
    expect(await starts()).toEqual([{ version: 1, reason: 'start' }]);
    await ground.built();
    const { versionId } = await ground.promote({ parameters: OLD.parameters! });
    // What runs is left as it is.
    await ground.start();
    expect(await starts()).toHaveLength(1);
    await ground.change('stop');
    await ground.built();
    await ground.start();
    expect(await starts()).toEqual([
      { version: 2, reason: 'start' },
      { version: 1, reason: 'start' },
    ]);
    expect((await ground.built()).versionId).toBe(versionId);
  });

  it('begins one build for sixteen who ask at once', async () => {
    await ground.promote({});
    await Promise.all(Array.from({ length: 16 }, () => ground.start()));
    expect(await starts()).toEqual([{ version: 2, reason: 'start' }]);
  });

  it('is not started where it cannot be updated, until it need not be', async () => {
    await ground.promote(UNFIT);
    await expect(ground.start()).rejects.toMatchObject({
      code: 'PARAMETERS_INVALID',
      hint: expect.stringContaining('--automatic-updates never') as unknown,
    });
    expect(await starts()).toEqual([]);
    await ground.set({ automaticUpdates: 'never' });
    await ground.start();
    expect(await starts()).toEqual([{ version: 1, reason: 'start' }]);
  });

  it('is planned to be restarted as it would be started', async () => {
    await ground.start();
    await ground.built();
    await ground.promote({});
    expect(await ground.preview({ restarts: true })).toMatchObject({ from: 'v1', to: 'v2' });
    await ground.set({ automaticUpdates: 'never' });
    expect(await ground.preview({ restarts: true })).toMatchObject({ from: 'v1', to: 'v1' });
  });

  it('is updated by its schedule, and tried again while it cannot be', async () => {
    await ground.set({ autostart: { cron: '*/30 * * * *', timezone: 'UTC' } });
    await ground.promote(UNFIT);
    await store.advanceClock(HALF_AN_HOUR_MS);
    await look(store);
    expect(await starts()).toEqual([]);
    await ground.set({ automaticUpdates: 'never' });
    await ground.set({ automaticUpdates: 'always' });
    await store.sql(
      `update template_versions set manifest = jsonb_set(manifest, '{parameters}', '[]')
       where template_id = $1 and number = 2`,
      [ground.pool.templateId],
    );
    await store.advanceClock(60_000);
    await look(store);
    expect(await starts()).toEqual([{ version: 2, reason: 'autostart' }]);
  });
});

describe('a start by schedule that updates', () => {
  const lastUsed = async (): Promise<unknown> => {
    const rows = await store.sql<{ at: Date }>(
      'select last_used_at as at from workspaces where id = $1',
      [ground.id],
    );
    return rows[0]?.at;
  };

  beforeEach(() =>
    ground.set({
      automaticUpdates: 'always',
      autostart: { cron: '*/30 * * * *', timezone: 'UTC' },
    }),
  );

  it('does not count as use', async () => {
    await ground.promote({});
    const before = await lastUsed();
    await store.advanceClock(HALF_AN_HOUR_MS);
    await look(store);
    expect(await starts()).toEqual([{ version: 2, reason: 'autostart' }]);
    expect(await lastUsed()).toEqual(before);
  });

  it('that cannot be is refused, and not a fault of the server', async () => {
    await ground.promote(UNFIT);
    await store.advanceClock(HALF_AN_HOUR_MS);
    const errors: string[] = [];
    const log = { ...store.kit.log, error: (event: string) => void errors.push(event) };
    await keepLives({ ...store, ...store.kit, log }, new AbortController().signal);
    expect(errors).toEqual([]);
    expect(await starts()).toEqual([]);
    const [row] = await findWorkspaces.all(store.database, { ids: [ground.id] });
    expect(row?.startRefusal).toMatchObject({
      code: 'PARAMETERS_INVALID',
      detail: expect.stringContaining('team') as unknown,
      // Both ways out: to update it, and not to.
      hint: expect.stringMatching(
        /`standby workspace update`.*`.*--automatic-updates never`/,
      ) as unknown,
    });
  });
});

describe('whether a workspace is to be updated automatically', () => {
  it('is no, unless somebody says so', async () => {
    await ground.promote({});
    await ground.start();
    expect(await starts()).toEqual([{ version: 1, reason: 'start' }]);
    expect(await updatesOf(ground.id)).toBe('never');
  });

  it('is not for a prebuild that nobody has claimed', async () => {
    const [id] = (await makeReady(store, ground.make, { pool: ground.pool, count: 1 })) as [
      WorkspaceId,
    ];
    const admin = { userId: await ground.make.user(), isAdmin: true };
    const asked = changeLife(ground.queue.deps, admin, { id, automaticUpdates: 'always' });
    await expect(asked).rejects.toMatchObject({ code: 'WORKSPACE_UNCLAIMED' });
  });

  it('is said with the request, whether it is claimed, built or served from the line', async () => {
    const automaticUpdates = 'always';
    const claiming = await openLifeGround(store, ground.make, { claim: 'instant' });
    await makeReady(store, ground.make, { pool: claiming.pool, count: 2 });
    // The second is claimed by what the first has left in memory.
    for (const name of ['one', 'two']) {
      const { workspaceId, claimed } = await claiming.ask({ name, automaticUpdates });
      expect([claimed, await updatesOf(workspaceId)]).toEqual([true, 'always']);
    }
    const building = await openLifeGround(store, ground.make, {});
    const { workspaceId } = await building.ask({ automaticUpdates });
    expect(await updatesOf(workspaceId)).toBe('always');

    const line = await openLine({ store, make: ground.make });
    const waiterId = await line.wait({ automaticUpdates });
    const [served] = await line.ready(1);
    await line.turn();
    expect(await line.look(waiterId)).toMatchObject({ outcome: 'served', workspace_id: served });
    expect(await updatesOf(served!)).toBe('always');
  });

  it('makes another request of one with another key', async () => {
    const { ask } = await openLifeGround(store, ground.make, {});
    const request = { name: 'same', idempotencyKey: 'updates' };
    await ask({ ...request, automaticUpdates: 'always' });
    await expect(ask(request)).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
  });
});
