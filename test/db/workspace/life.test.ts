// What becomes of a person's workspace by itself, on a database whose clock is moved.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FailpointError, installFailpoints } from '../../../src/base/failpoint.ts';
import type { WorkspaceId } from '../../../src/base/id.ts';
import { findDueWorkspaces } from '../../../src/store/life.ts';
import { changeLife } from '../../../src/workspaces/life/change-life.ts';
import { createBuilder, FAILED, type Builder } from '../../support/builder.ts';
import { createFactory, type Factory } from '../../support/factory.ts';
import {
  between,
  look,
  NO_LIFE,
  openLifeGround,
  readLife,
  stopClock,
  type StoppedClock,
} from '../../support/life.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let store: TestStore;
let make: Factory;
let builder: Builder;
let clock: StoppedClock;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  builder = createBuilder(store);
  clock = await stopClock(store);
});
afterAll(() => store.close());

const life = { ...NO_LIFE, ttl_seconds: 8 * 3_600, max_lifetime_seconds: 24 * 3_600 };

/** Claimed and usable, of a template that stops it after 8 h and deletes it after 24 h. */
async function claimed(): Promise<
  Awaited<ReturnType<typeof openLifeGround>> & { readonly id: WorkspaceId }
> {
  const ground = await openLifeGround(store, make, { claim: 'instant', life });
  await makeReady(store, make, { pool: ground.pool, count: 1 });
  const { workspaceId: id, claimed } = await ground.ask();
  expect(claimed).toBe(true);
  return { ...ground, id };
}

const who = (userId: Awaited<ReturnType<Factory['user']>>) => ({ userId, isAdmin: false });
const deps = () => ({ ...store.kit, database: store.database });
const buildsOf = async (id: WorkspaceId) => (await readLife(store, id)).builds;

describe('a time to live', () => {
  it('counts from an instant claim, or from the end of the build that hands it over', async () => {
    const { id } = await claimed();
    const instant = await readLife(store, id);
    expect(between(instant.lastUsedAt, instant.deadlineAt)).toBe(8 * HOUR);
    expect(between(instant.lastUsedAt, instant.lifetimeEndsAt)).toBe(24 * HOUR);

    const { pool, ask } = await openLifeGround(store, make, { claim: 'apply', life });
    await makeReady(store, make, { pool, count: 1 });
    const { workspaceId } = await ask();
    await clock.advance(HOUR);
    await builder.buildAll();
    const applied = await readLife(store, workspaceId);
    expect(between(applied.endedAt, applied.deadlineAt)).toBe(8 * HOUR);
    expect(between(applied.lastUsedAt, applied.lifetimeEndsAt)).toBe(24 * HOUR);
  });

  it('counts from the end of the build of one that was made on request', async () => {
    const { ask } = await openLifeGround(store, make, { life });
    const { workspaceId } = await ask();
    expect((await readLife(store, workspaceId)).deadlineAt).toBeNull();
    await clock.advance(HOUR);
    await builder.buildAll();
    const { endedAt, deadlineAt } = await readLife(store, workspaceId);
    expect(between(endedAt, deadlineAt)).toBe(8 * HOUR);
  });

  it('is as was asked for, or none, and ends with the lifetime', async () => {
    const { pool, ask } = await openLifeGround(store, make, { claim: 'instant', life });
    await makeReady(store, make, { pool, count: 3 });
    const deadlineOf = async (ttlSeconds: number) => {
      const { workspaceId } = await ask({ ttlSeconds });
      const { lastUsedAt, deadlineAt } = await readLife(store, workspaceId);
      return between(lastUsedAt, deadlineAt);
    };
    expect(await deadlineOf(3_600)).toBe(HOUR);
    expect(await deadlineOf(0)).toBeUndefined();
    expect(await deadlineOf(48 * 3_600)).toBe(24 * HOUR);
  });

  it('makes another request of one with another key', async () => {
    const { ask } = await openLifeGround(store, make, {});
    const request = { name: 'same', idempotencyKey: 'key' };
    const { workspaceId } = await ask({ ...request, ttlSeconds: 3_600 });
    expect((await ask({ ...request, ttlSeconds: 3_600 })).workspaceId).toBe(workspaceId);
    await expect(ask({ ...request, ttlSeconds: 7_200 })).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
  });

  it('stops the workspace when it is over, once, and counts anew after a start', async () => {
    const { id, change } = await claimed();
    await clock.advance(8 * HOUR - MINUTE);
    await look(store);
    expect(await buildsOf(id)).toEqual(['start succeeded test']);
    await clock.advance(MINUTE);
    await look(store);
    await look(store);
    expect(await buildsOf(id)).toEqual(['start succeeded test', 'stop pending deadline']);
    await builder.buildAll();
    await look(store);
    expect((await readLife(store, id)).deadlineAt).toBeNull();
    await change(id, 'start');
    await builder.buildAll();
    const { endedAt, deadlineAt } = await readLife(store, id);
    expect(between(endedAt, deadlineAt)).toBe(8 * HOUR);
    await clock.advance(8 * HOUR);
    await look(store);
    expect((await buildsOf(id)).slice(1)).toEqual([
      ...['stop succeeded deadline', 'start succeeded start', 'stop pending deadline'],
    ]);
    await builder.buildAll();
  });

  it('waits for a build that is under way', async () => {
    const { id, change } = await claimed();
    await change(id, 'stop');
    await clock.advance(24 * HOUR);
    await look(store);
    expect((await readLife(store, id)).dueAt).toBeNull();
    await builder.buildAll();
    await look(store);
    expect((await buildsOf(id)).slice(1)).toEqual([
      ...['stop succeeded stop', 'delete pending max_lifetime'],
    ]);
    await builder.buildAll();
    const [row] = await store.sql('select deleted_at, due_at from workspaces where id = $1', [id]);
    expect(row).toMatchObject({ deleted_at: expect.any(Number) as number, due_at: null });
  });

  it('stops again what could not be stopped, later and later', async () => {
    const { id } = await claimed();
    await clock.advance(8 * HOUR);
    for (const waitMs of [MINUTE, 2 * MINUTE, 4 * MINUTE]) {
      await look(store);
      await builder.buildAll(FAILED);
      await look(store);
      expect((await buildsOf(id)).at(-1)).toBe('stop failed deadline');
      const { endedAt, dueAt } = await readLife(store, id);
      expect(between(endedAt, dueAt)).toBe(waitMs);
      await clock.advance(waitMs);
    }
    await look(store);
    expect((await buildsOf(id)).at(-1)).toBe('stop pending deadline');
    await builder.buildAll();
  });

  it('is over at once again, and no longer put off, where the stop was canceled', async () => {
    const { id } = await claimed();
    await clock.advance(8 * HOUR);
    await look(store);
    await builder.buildAll(FAILED);
    await clock.advance(MINUTE);
    for (let canceled = 0; canceled < 3; canceled++) {
      await look(store);
      expect((await buildsOf(id)).at(-1)).toBe('stop pending deadline');
      await builder.buildAll({ outcome: 'canceled' });
    }
    await look(store);
    await builder.buildAll(FAILED);
    await look(store);
    // Two failed, whatever was canceled between.
    const { endedAt, dueAt } = await readLife(store, id);
    expect(between(endedAt, dueAt)).toBe(2 * MINUTE);
    await clock.advance(2 * MINUTE);
    await look(store);
    await builder.buildAll();
  });
});

describe('its owner', () => {
  it('extends the deadline, up to the end of the lifetime', async () => {
    const { id, ann } = await claimed();
    const { deadlineAt, lifetimeEndsAt } = await readLife(store, id);
    const later = deadlineAt! + 2 * HOUR;
    await changeLife(deps(), who(ann), { id, deadlineAt: later });
    await clock.advance(9 * HOUR);
    await look(store);
    const extended = await readLife(store, id);
    expect(extended.deadlineAt!).toBe(later);
    expect(extended.dueAt).toEqual(extended.deadlineAt);
    expect(extended.builds).toHaveLength(1);
    const end = lifetimeEndsAt!;
    await expect(changeLife(deps(), who(ann), { id, deadlineAt: end + 1 })).rejects.toMatchObject({
      code: 'LIFETIME_EXCEEDED',
    });
    await changeLife(deps(), who(ann), { id, deadlineAt: end });
    await clock.advance(15 * HOUR);
    await look(store);
    expect((await buildsOf(id)).at(-1)).toBe('delete pending max_lifetime');
    await builder.buildAll();
  });

  it('gives it another time to live, or none', async () => {
    const { id, ann } = await claimed();
    await changeLife(deps(), who(ann), { id, ttlSeconds: 3_600 });
    const set = await readLife(store, id);
    expect(between(set.lastUsedAt, set.deadlineAt)).toBe(HOUR);
    await changeLife(deps(), who(ann), { id, ttlSeconds: 0 });
    expect((await readLife(store, id)).deadlineAt).toBeNull();
    await expect(
      changeLife(deps(), who(ann), { id, deadlineAt: set.deadlineAt! + HOUR }),
    ).rejects.toMatchObject({ code: 'NO_DEADLINE' });
  });

  it('sees no deadline that has passed, nor another’s workspace', async () => {
    const { id, ann, pool } = await claimed();
    await expect(changeLife(deps(), who(ann), { id, deadlineAt: 0 })).rejects.toMatchObject({
      code: 'BAD_REQUEST',
    });
    const bob = await make.user({ organizationId: pool.organizationId });
    await expect(changeLife(deps(), who(bob), { id, ttlSeconds: 60 })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });
});

describe('a prebuild that nobody has claimed', () => {
  it('has no life of its own: it is left alone, and nobody gives it one', async () => {
    const { pool, ann } = await openLifeGround(store, make, { life });
    const [id] = await makeReady(store, make, { pool, count: 1 });
    await clock.advance(48 * HOUR);
    await look(store);
    expect(await buildsOf(id!)).toEqual(['start succeeded test']);
    const admin = { userId: ann, isAdmin: true };
    await expect(changeLife(deps(), admin, { id: id!, ttlSeconds: 60 })).rejects.toMatchObject({
      code: 'WORKSPACE_UNCLAIMED',
    });
    await expect(
      store.sql('update workspaces set due_at = standby_now() where id = $1', [id]),
    ).rejects.toMatchObject({ constraint: 'workspaces_unclaimed_life_check' });
  });
});

describe('the executor', () => {
  it('begins one build where two replicas look at once', async () => {
    const { id } = await claimed();
    await clock.advance(8 * HOUR);
    const other = store.open();
    await Promise.all([look(store), look(store, other), look(store), look(store, other)]);
    expect(await buildsOf(id)).toHaveLength(2);
    await builder.buildAll();
  });

  it('that is killed between decision and write has done nothing, and another does it', async () => {
    const { id } = await claimed();
    await clock.advance(8 * HOUR);
    installFailpoints((point) => {
      if (point === 'life.decided') throw new FailpointError('killed');
      return undefined;
    });
    await look(store).finally(() => {
      installFailpoints(undefined);
    });
    expect(await buildsOf(id)).toHaveLength(1);
    // It was not killed really, and has put the workspace off so that others get their turn.
    await clock.advance(MINUTE);
    await look(store);
    expect(await buildsOf(id)).toHaveLength(2);
    await builder.buildAll();
  });

  it('finds what is due by an index, whatever else there is', async () => {
    const { pool, ann } = await openLifeGround(store, make, {});
    await store.sql(
      `insert into workspaces
         (id, organization_id, owner_id, template_id, name, origin, epoch, created_at, updated_at,
          last_used_at, due_at)
       select gen_random_uuid(), $1, $2, $3, 'w' || n, 'user', 1, standby_now(), standby_now(),
         standby_now(), case when n % 2 = 0 then standby_now() + interval '1 day' end
       from generate_series(1, 2000) as n`,
      [pool.organizationId, ann, pool.templateId],
    );
    await store.sql('analyze workspaces');
    const text = findDueWorkspaces.text.replace('$1', '100');
    const plan = await store.sql<{ readonly 'QUERY PLAN': string }>(`explain ${text}`);
    const shown = plan.map((row) => row['QUERY PLAN']).join('\n');
    expect(shown).toContain('workspaces_due_at_idx');
    expect(shown).not.toContain('Seq Scan on workspaces');
  });
});
