// What a rebuild would do, told without doing it.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AppError } from '../../../src/base/app-error.ts';
import { createId, type GroupId } from '../../../src/base/id.ts';
import { toPlannedBuildView } from '../../../src/api/workspace/planned-build.ts';
import { plannedBuildView } from '../../../src/contract/workspace/planned-build.ts';
import { insertGroup, insertGroupMember } from '../../../src/store/group.ts';
import { storeEnforcesQuota } from '../../../src/store/quota.ts';
import { previewRebuild } from '../../../src/workspaces/preview-rebuild.ts';
import { FAILED } from '../../support/queue.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import {
  agentsOf,
  createRebuildGrounds,
  OLD,
  parameter,
  stand,
  type RebuildGround,
} from './rebuild-ground.ts';

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

const codesOf = ({ refusals }: { readonly refusals: readonly AppError[] }): readonly string[] =>
  refusals.map(({ code }) => code);

const NOTHING = { parameters: [], agents: { added: [], removed: [] }, refusals: [] };

describe('a preview', () => {
  it('tells the version, what changes of the parameters and the agents, and hides secrets', async () => {
    const [region, size, token] = OLD.parameters!;
    const zone = { ...parameter, name: 'zone', default: null, mutable: false, sensitive: false };
    await ground.promote({
      parameters: [region!, { ...size!, default: 'big' }, token!, zone],
      agents: agentsOf('main', 'logger'),
    });
    const given = { size: 'big', token: 'canary-77ab', zone: 'a' };
    const preview = await ground.preview({ updates: true, parameters: given });
    expect(preview).toEqual({
      action: 'start',
      ...{ from: 'v1', to: 'v2' },
      parameters: [
        { name: 'size', from: 'small', to: 'big', isSensitive: false },
        { name: 'token', from: 'canary-51c0', to: 'canary-77ab', isSensitive: true },
        { name: 'zone', from: null, to: 'a', isSensitive: false },
      ],
      agents: { added: ['main', 'logger'], removed: [] },
      refusals: [],
    });
    const view = toPlannedBuildView(ground.id, preview);
    expect(plannedBuildView.parse(view)).toEqual(view);
    expect(JSON.stringify(view)).not.toContain('canary');
    // Just that is done then.
    expect(await ground.rebuild({ updates: true, parameters: given })).toBe('begun');
    expect((await ground.built()).build?.parameters).toEqual({ region: 'us', ...given });
    await ground.promote({ parameters: [region!], agents: agentsOf('main') });
    expect(await ground.preview({ updates: true })).toMatchObject({
      ...{ action: 'restart', from: 'v2', to: 'v3' },
      parameters: [{ name: 'size' }, { name: 'token', to: null }, { name: 'zone', to: null }],
      agents: { added: [], removed: ['logger'] },
    });
  });

  it('tells the same of a guess at a secret, right or wrong', async () => {
    const tellOf = async (token: string): Promise<unknown> =>
      toPlannedBuildView(ground.id, await ground.preview({ parameters: { token } }));
    const [right, wrong] = [await tellOf('canary-51c0'), await tellOf('canary-77ab')];
    expect(right).toEqual(wrong);
    expect(right).toMatchObject({ parameters: [{ name: 'token', change: 'changed' }] });
    await ground.change('start');
    await ground.built();
    expect(await tellOf('canary-51c0')).toEqual(await tellOf('canary-77ab'));
  });

  it('tells what is there, where an update failed before it changed anything', async () => {
    const [region, size, token] = OLD.parameters!;
    const agents = agentsOf('main');
    await stand(ground);
    await ground.promote({ parameters: [region!, size!], agents });
    await ground.rebuild({ updates: true, parameters: { size: 'big' } });
    await ground.builtWriting([], FAILED);
    const named = { ...token!, sensitive: false, default: 'none' };
    await ground.promote({ parameters: [region!, size!, named], agents });
    const preview = await ground.preview({ updates: true });
    expect(preview).toMatchObject({
      ...{ action: 'start', from: 'v1', to: 'v3' },
      parameters: [
        { name: 'size', from: 'small', to: 'big' },
        { name: 'token', isSensitive: true },
      ],
      agents: { added: ['main'], removed: [] },
    });
    expect(JSON.stringify(toPlannedBuildView(ground.id, preview))).not.toContain('canary');
  });

  it('tells whether it would be started, restarted or left as it is', async () => {
    const asItIs = { ...NOTHING, from: 'v1', to: 'v1' };
    expect(await ground.preview({})).toEqual({ ...asItIs, action: 'start' });
    await ground.change('start');
    expect(codesOf(await ground.preview({}))).toEqual(['BUILD_IN_PROGRESS']);
    await ground.built();
    expect(await ground.preview({ updates: true })).toEqual({ ...asItIs, action: 'none' });
    expect(await ground.preview({ parameters: { size: 'big' } })).toMatchObject({
      action: 'restart',
      refusals: [],
    });
  });

  it('tells all that an update would be refused for, and the first of it is the error', async () => {
    const [region, size, token] = OLD.parameters!;
    const zone = { ...parameter, name: 'zone', default: null, mutable: false, sensitive: false };
    await ground.promote({ parameters: [region!, size!, token!, zone], driver: 'process' });
    await store.sql('update workspaces set dormant_at = standby_now() where id = $1', [ground.id]);
    const given = { updates: true, parameters: { region: 'eu', size: 'big', colour: 'red' } };
    const preview = await ground.preview(given);
    expect(codesOf(preview)).toEqual(['WORKSPACE_DORMANT', 'DRIVER_CHANGED', 'PARAMETERS_INVALID']);
    expect(preview.refusals[2]!.fields).toMatchObject({
      issues: [{ parameter: 'colour' }, { parameter: 'zone' }, { parameter: 'region' }],
    });
    // Of what is refused nothing is said but why.
    expect(preview.parameters.map(({ name }) => name)).toEqual(['size']);
    await expect(ground.rebuild(given)).rejects.toThrow('WORKSPACE_DORMANT');
  });

  it('tells no secret that a version would not take, whatever that calls it', async () => {
    const [region, size, token] = OLD.parameters!;
    const choice = { ...token!, sensitive: false, options: ['', 'one', 'two'] };
    await ground.promote({ parameters: [region!, size!, choice] });
    const preview = await ground.preview({ updates: true });
    expect(codesOf(preview)).toEqual(['PARAMETERS_INVALID']);
    expect(JSON.stringify(toPlannedBuildView(ground.id, preview))).not.toContain('canary');
    await expect(ground.rebuild({ updates: true })).rejects.toThrow(
      /The value of parameter "token"/,
    );
  });

  it('tells of tags that its machine has not, and of what it would cost', async () => {
    const { organizationId, id } = ground;
    await ground.promote({ tags: { gpu: 'a100' }, cost: { hourly: 1, currency: 'EUR' } });
    await store.sql('update workspaces set machine_id = $2 where id = $1', [id, 'machine']);
    await storeEnforcesQuota.run(store.database, { organizationId, enforced: true });
    expect(codesOf(await ground.preview({ updates: true }))).toEqual([
      'MACHINE_UNFIT',
      'QUOTA_EXCEEDED',
    ]);
    const [owner] = await store.sql<{ id: never }>(
      'select owner_id as id from workspaces where id = $1',
      [id],
    );
    const group = createId<GroupId>(store.kit);
    const named = { name: 'rich', displayName: 'rich', allowance: 2_400 };
    await insertGroup.one(store.database, { id: group, organizationId, ...named });
    await insertGroupMember.run(store.database, { id: group, userId: owner!.id });
    expect(codesOf(await ground.preview({ updates: true }))).toEqual(['MACHINE_UNFIT']);
  });

  it('tells of what it could not be started with again, once it was stopped', async () => {
    const { organizationId } = ground;
    const [region, size, token] = OLD.parameters!;
    const costly = { cost: { hourly: 1, currency: 'EUR' } };
    await ground.promote(costly);
    await ground.rebuild({ updates: true });
    await ground.built();
    // It runs, and its owner may spend nothing any more.
    await storeEnforcesQuota.run(store.database, { organizationId, enforced: true });
    const anew = { updates: true, parameters: { size: 'big' } };
    const preview = await ground.preview(anew);
    expect(codesOf(preview)).toEqual(['QUOTA_EXCEEDED']);
    expect(preview.refusals[0]!.fields).toEqual({ daily_budget: 0, daily_use: 0, daily_cost: 24 });
    await expect(ground.rebuild(anew)).rejects.toThrow('QUOTA_EXCEEDED');
    // What is free is free for everybody.
    await ground.promote({ parameters: [region!, { ...size!, default: 'big' }, token!] });
    expect(codesOf(await ground.preview(anew))).toEqual([]);
    await expect(ground.rebuild(anew)).rejects.toThrow('WORKSPACE_RUNNING');
  });

  it('of a restart tells why it would not be started again, though nothing changes', async () => {
    const { organizationId } = ground;
    const restart = { restarts: true };
    await ground.promote({ cost: { hourly: 1, currency: 'EUR' } });
    await ground.rebuild({ updates: true });
    await ground.built();
    expect(await ground.preview(restart)).toMatchObject({ action: 'restart', refusals: [] });
    await storeEnforcesQuota.run(store.database, { organizationId, enforced: true });
    expect(codesOf(await ground.preview(restart))).toEqual(['QUOTA_EXCEEDED']);
    // An update would do nothing, and is refused for nothing.
    expect(await ground.preview({ updates: true })).toMatchObject({ action: 'none', refusals: [] });
    // A restart waits for a stop.
    await ground.change('stop');
    expect(codesOf(await ground.preview(restart))).toEqual(['QUOTA_EXCEEDED']);
    await storeEnforcesQuota.run(store.database, { organizationId, enforced: false });
    expect(await ground.preview(restart)).toMatchObject({ action: 'start', refusals: [] });
    await ground.built();
    await ground.change('start');
    expect(codesOf(await ground.preview(restart))).toEqual(['BUILD_IN_PROGRESS']);
    await ground.built();
    await store.sql('update templates set deleted_at = standby_now() where id = $1', [
      ground.pool.templateId,
    ]);
    expect(codesOf(await ground.preview(restart))).toEqual(['TEMPLATE_DELETED']);
  });

  it('of a restart after an update that changed nothing is of what is there', async () => {
    await stand(ground);
    await ground.promote({ cost: { hourly: 1, currency: 'EUR' } });
    await ground.rebuild({ updates: true });
    await ground.builtWriting([], FAILED);
    await storeEnforcesQuota.run(store.database, {
      organizationId: ground.organizationId,
      enforced: true,
    });
    expect(await ground.preview({ restarts: true })).toMatchObject({
      ...{ action: 'restart', from: 'v1', to: 'v1' },
      refusals: [],
    });
  });

  it('writes nothing', async () => {
    await ground.promote({ agents: agentsOf('main') });
    const read = (): Promise<readonly unknown[]> =>
      store.sql(
        `select w.*, to_jsonb(s) as secrets, to_jsonb(a) as agents, to_jsonb(b) as builds, w.xmin
         from workspaces w
         left join secret_parameters s on s.workspace_id = w.id
         left join agents a on a.workspace_id = w.id
         left join builds b on b.workspace_id = w.id
         where w.id = $1 order by b.number`,
        [ground.id],
      );
    const before = await read();
    await ground.preview({ updates: true, parameters: { token: 'canary-77ab', size: 'big' } });
    expect(await read()).toEqual(before);
  });

  it('is for who may rebuild it, and of a template that has an active version', async () => {
    const { make, pool, id, queue } = ground;
    const stranger = { userId: await make.user(pool), isAdmin: false };
    const asked = { id, updates: true, parameters: {}, restarts: false };
    await expect(previewRebuild(queue.deps, stranger, asked)).rejects.toThrow('NOT_FOUND');
    await store.sql('update templates set active_version_id = null where id = $1', [
      pool.templateId,
    ]);
    await expect(ground.preview({ updates: true })).rejects.toThrow('TEMPLATE_NOT_READY');
    expect(codesOf(await ground.preview({ parameters: { size: 'big' } }))).toEqual([]);
  });
});
