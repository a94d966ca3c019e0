// What administrators are told of what claims replace: once, each of them, and nobody else.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createNotificationHandlers } from '../../../src/api/notification/handlers.ts';
import type { OrganizationId, UserId } from '../../../src/base/id.ts';
import type { Client } from '../../../src/client/client.ts';
import { notificationRoutes } from '../../../src/contract/notification/route.ts';
import type { NotificationView } from '../../../src/contract/notification/schema.ts';
import type { Replacement } from '../../../src/domain/job/replacement.ts';
import { deliverAll } from '../../../src/notify/deliver-all.ts';
import { removeOldAnnouncements } from '../../../src/store/announcement.ts';
import { claimOne } from '../../support/claim.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { createDeferred } from '../../support/deferred.ts';
import { createQueue, SUCCEEDED, type TestDaemon, type TestQueue } from '../../support/queue.ts';
import { startStoreApi, type StoreApi } from '../../support/store-api.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let queue: TestQueue;
let api: StoreApi;
let organizationId: OrganizationId;
let userId: UserId;
let pool: TestPool;
let daemon: TestDaemon;
let root: Client;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  queue = createQueue(store, make);
  api = await startStoreApi(store, createNotificationHandlers(store));
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await store.close();
});

beforeEach(async () => {
  await store.sql('delete from announcements');
  organizationId = await make.organization();
  userId = await make.user({ organizationId });
  root = api.as(await make.user({ organizationId, isAdmin: true }));
  const manifest = { driver: 'terraform', rehearsal: 'report' } as const;
  pool = await make.pool(await make.template({ organizationId, manifest }));
  daemon = await queue.daemon({ drivers: ['terraform'] }, { organizationId });
});

const DISK: Replacement = { address: 'x.disk', action: 'replace', paths: ['user_data'] };
const replaced = { ...SUCCEEDED, replaced: [DISK] };

/** A claim that loses its disk, as the rehearsal before it has found. */
async function claim(): Promise<void> {
  await make.prebuild(pool);
  await queue.complete(await queue.mustTake(daemon));
  await queue.complete(await queue.mustTake(daemon), replaced);
  await claimOne(store.database, store.kit, { pool, userId, name: 'mine' });
  await queue.complete(await queue.mustTake(daemon), replaced);
}

const deliver = (): Promise<number> =>
  deliverAll({ ...store.kit, database: store.database }, new AbortController().signal);

const list = async (
  client: Client,
  query: { readonly unread?: 'true'; readonly limit?: number } = {},
): Promise<readonly NotificationView[]> =>
  (await client.call(notificationRoutes.listNotifications, { query })).body.items;

describe('an administrator', () => {
  it('is told what a rehearsal found and what a claim lost, newest first', async () => {
    await claim();
    expect(await list(root)).toEqual([]);
    expect(await deliver()).toBe(2);
    const [lost, found] = await list(root);
    expect(lost).toMatchObject({
      kind: 'claim_replaced',
      preset: pool.presetName,
      resources: [DISK],
      claim: { workspace: 'mine', build: 2, claimant: expect.stringMatching(/^user-/) },
      read_at: null,
    });
    expect(found).toMatchObject({ kind: 'rehearsal_replaces', resources: [DISK], claim: null });
    expect(found?.version).toBe(lost?.version);
  });

  it('is told once, however many deliver at the same time and however often', async () => {
    await claim();
    const counts = await Promise.all([deliver(), deliver(), deliver()]);
    expect(counts.reduce((a, b) => a + b)).toBe(2);
    expect(await deliver()).toBe(0);
    expect(await list(root)).toHaveLength(2);
  });

  it('is told by whoever comes after a crash: it was written with the build itself', async () => {
    await make.prebuild(pool);
    await queue.complete(await queue.mustTake(daemon));
    const attempt = await queue.mustTake(daemon);
    await store.sql('alter table announcements add constraint broken check (false) not valid');
    await expect(queue.complete(attempt, replaced)).rejects.toThrow();
    await store.sql('alter table announcements drop constraint broken');
    // Neither is there without the other.
    expect(await queue.status(attempt.jobId)).toMatchObject({ status: 'running' });
    await queue.complete(attempt, replaced);
    expect(await deliver()).toBe(1);
  });

  it('reads what is told: one, or all', async () => {
    await claim();
    await deliver();
    const [first] = await list(root);
    const read = { params: { notification: first!.id } };
    expect((await root.call(notificationRoutes.readNotification, read)).body).toEqual({ read: 1 });
    expect((await root.call(notificationRoutes.readNotification, read)).body).toEqual({ read: 0 });
    expect(await list(root, { unread: 'true' })).toMatchObject([{ kind: 'rehearsal_replaces' }]);
    expect((await root.call(notificationRoutes.readNotifications, {})).body).toEqual({ read: 1 });
    expect(await list(root, { unread: 'true' })).toEqual([]);
    expect(await list(root)).toHaveLength(2);
  });

  it('reads all without a look at what was read before', async () => {
    await claim();
    await deliver();
    const [first] = await list(root);
    await root.call(notificationRoutes.readNotification, { params: { notification: first!.id } });
    const locked = createDeferred<undefined>();
    const done = createDeferred<undefined>();
    const holding = store.open(1).transaction(async (tx) => {
      const text = 'select from notifications where announcement_id = $1 for update';
      await tx.query({ name: 'test.lock_notification', text, values: [first!.id] });
      locked.resolve(undefined);
      await done.promise;
    });
    await locked.promise;
    expect((await root.call(notificationRoutes.readNotifications, {})).body).toEqual({ read: 1 });
    done.resolve(undefined);
    await holding;
  });

  it('has what was delivered long ago taken away, and nothing that waits', async () => {
    await claim();
    await store.advanceClock(2_000);
    const prune = (): Promise<number> =>
      removeOldAnnouncements.run(store.database, { retentionMs: 1_000, limit: 10 });
    expect(await prune()).toBe(0);
    await deliver();
    expect(await prune()).toBe(0);
    await store.advanceClock(2_000);
    expect(await prune()).toBe(2);
    expect(await list(root)).toEqual([]);
  });
});

describe('anybody else', () => {
  it('is told nothing, and reads nothing of others', async () => {
    await claim();
    await deliver();
    const client = api.as(userId);
    expect(await list(client)).toEqual([]);
    const [theirs] = await list(root);
    await expect(
      client.call(notificationRoutes.readNotification, { params: { notification: theirs!.id } }),
    ).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await list(root, { unread: 'true' })).toHaveLength(2);
  });

  it('is not an administrator who was suspended', async () => {
    const suspended = await make.user({ organizationId, isAdmin: true });
    await store.sql(`update users set status = 'suspended' where id = $1`, [suspended]);
    await claim();
    await deliver();
    expect(await store.sql('select from notifications where user_id = $1', [suspended])).toEqual(
      [],
    );
  });
});
