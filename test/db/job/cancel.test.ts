// Who may cancel a job, and what that means for what it was about.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createJobHandlers } from '../../../src/api/job/handlers.ts';
import type { JobId, OrganizationId, UserId } from '../../../src/base/id.ts';
import type { Client } from '../../../src/client/client.ts';
import { jobRoutes } from '../../../src/contract/job/route.ts';
import type { JobView } from '../../../src/contract/job/schema.ts';
import { createFactory, type Factory, type TestTemplate } from '../../support/factory.ts';
import { look } from '../../support/life.ts';
import { createQueue, type TestQueue } from '../../support/queue.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { startStoreApi, type StoreApi } from '../../support/store-api.ts';

let store: TestStore;
let make: Factory;
let queue: TestQueue;
let api: StoreApi;
let organizationId: OrganizationId;
let template: TestTemplate;
let ownerId: UserId;
let jobId: JobId;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  queue = createQueue(store, make);
  api = await startStoreApi(store, createJobHandlers(queue.deps, { pollMs: 1_000 }));
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await store.close();
});

beforeEach(async () => {
  organizationId = await make.organization();
  template = await make.template({ organizationId });
  ownerId = await make.user({ organizationId });
  ({ jobId } = await make.workspace(template, { ownerId }));
});

async function cancel(client: Client, query: { dry_run?: 'true' } = {}): Promise<JobView> {
  return (await client.call(jobRoutes.cancelJob, { params: { job: jobId }, query })).body;
}

describe('canceling a job', () => {
  it('ends a pending one at once', async () => {
    store.announced.length = 0;
    expect(await cancel(api.as(ownerId))).toMatchObject({ id: jobId, status: 'canceled' });
    expect(store.announced).toContainEqual({ kind: 'job', jobId });
    expect(await queue.take(await queue.daemon({}, { organizationId }))).toBeUndefined();
  });

  it('has the daemon of a running one told, and stays so when it is asked twice', async () => {
    const attempt = await queue.mustTake(await queue.daemon({}, { organizationId }));
    expect(await cancel(api.as(ownerId))).toMatchObject({ status: 'canceling' });
    expect(await cancel(api.as(ownerId))).toMatchObject({ status: 'canceling' });
    expect(await queue.heartbeat(attempt)).toMatchObject({ cancel: true });
  });

  it('is for the initiator and for administrators alone', async () => {
    const member = await make.user({ organizationId });
    await expect(cancel(api.as(member))).rejects.toMatchObject({ code: 'FORBIDDEN' });
    const stranger = await make.user({ organizationId: await make.organization() });
    await expect(cancel(api.as(stranger))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await queue.status(jobId)).toMatchObject({ status: 'pending' });
    const admin = await make.user({ isAdmin: true });
    expect(await cancel(api.as(admin, true))).toMatchObject({ status: 'canceled' });
  });

  it.each([
    ['max_lifetime', `lifetime_ends_at = standby_now()`],
    [
      'dormant_too_long',
      `dormant_at = standby_now() - interval '1 hour', delete_dormant_after_seconds = 60`,
    ],
  ])('is not for the owner of what its template has deleted (%s)', async (reason, isOver) => {
    await queue.complete(await queue.mustTake(await queue.daemon({}, { organizationId })));
    await store.sql(`update workspaces set due_at = standby_now(), ${isOver} where owner_id = $1`, [
      ownerId,
    ]);
    await look(store);
    const [end] = await store.sql<{ readonly job_id: JobId }>(
      'select job_id from builds where reason = $1 order by created_at desc limit 1',
      [reason],
    );
    jobId = end!.job_id;
    for (const query of [{}, { dry_run: 'true' }] as const) {
      await expect(cancel(api.as(ownerId), query)).rejects.toMatchObject({
        code: 'FORBIDDEN',
        detail: expect.stringMatching(
          `\\(${reason}\\): only an administrator may cancel`,
        ) as string,
      });
    }
    expect(await queue.status(jobId)).toMatchObject({ status: 'pending' });
    const admin = await make.user({ isAdmin: true });
    expect(await cancel(api.as(admin, true))).toMatchObject({ status: 'canceled' });
  });

  it('is refused for one that has ended', async () => {
    await cancel(api.as(ownerId));
    await expect(cancel(api.as(ownerId))).rejects.toMatchObject({
      code: 'JOB_ENDED',
      detail: `job ${jobId} has been canceled already`,
    });
    ({ jobId } = await make.workspace(template, { ownerId }));
    await queue.complete(await queue.mustTake(await queue.daemon({}, { organizationId })));
    await expect(cancel(api.as(ownerId))).rejects.toMatchObject({
      code: 'JOB_ENDED',
      detail: `job ${jobId} has succeeded already`,
    });
  });

  it('is refused to the slower of a cancel and an end', async () => {
    const attempt = await queue.mustTake(await queue.daemon({}, { organizationId }));
    const [asked] = await Promise.allSettled([cancel(api.as(ownerId)), queue.complete(attempt)]);
    expect(await queue.status(jobId)).toMatchObject({ status: 'succeeded' });
    if (asked.status === 'rejected') expect(asked.reason).toMatchObject({ code: 'JOB_ENDED' });
    else expect(['canceling', 'succeeded']).toContain(asked.value.status);
  });

  it('can be tried without doing it', async () => {
    expect(await cancel(api.as(ownerId), { dry_run: 'true' })).toMatchObject({ status: 'pending' });
    const member = await make.user({ organizationId });
    await expect(cancel(api.as(member), { dry_run: 'true' })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    expect(await queue.status(jobId)).toMatchObject({ status: 'pending' });
  });

  it('takes a prebuild that nobody waits for out of what starts', async () => {
    const pool = await make.pool(template);
    const prebuild = await make.prebuild(pool);
    ({ jobId } = prebuild);
    const admin = await make.user({ isAdmin: true });
    expect(await cancel(api.as(admin, true))).toMatchObject({ status: 'canceled' });
    expect(store.announced).toContainEqual({ kind: 'pool', poolId: pool.poolId });
    expect(
      await store.sql('select failed from judged_builds where pool_id = $1', [pool.poolId]),
    ).toEqual([]);
  });
});
