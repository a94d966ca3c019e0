// Workspaces whose machine is away, and the way out for them.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createJobHandlers } from '../../../src/api/job/handlers.ts';
import { createWorkspaceHandlers } from '../../../src/api/workspace/handlers.ts';
import { createId, type OrganizationId, type UserId } from '../../../src/base/id.ts';
import type { Client } from '../../../src/client/client.ts';
import { jobRoutes } from '../../../src/contract/job/route.ts';
import { workspaceRoutes } from '../../../src/contract/workspace/route.ts';
import { reportWorkspaces } from '../../../src/jobs/report-workspaces.ts';
import {
  createFactory,
  type Factory,
  type TestBuild,
  type TestPool,
} from '../../support/factory.ts';
import { nothingFirst } from '../../support/precedence.ts';
import { createQueue, type TestDaemon, type TestQueue } from '../../support/queue.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { startStoreApi, type StoreApi } from '../../support/store-api.ts';
import { RECONCILER_OPTIONS } from '../../support/reconcile.ts';

let store: TestStore;
let make: Factory;
let queue: TestQueue;
let api: StoreApi;
let admin: Client;
let organizationId: OrganizationId;
let ownerId: UserId;
let pool: TestPool;
let daemon: TestDaemon;
let machineId: string;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  queue = createQueue(store, make);
  api = await startStoreApi(store, {
    ...createWorkspaceHandlers(
      { ...queue.deps, precedence: nothingFirst },
      {
        ...RECONCILER_OPTIONS,
        pollMs: 1_000,
        waitersPerUser: 100,
        claimProofTimeoutMs: 5_000,
      },
    ),
    ...createJobHandlers(queue.deps, { pollMs: 1_000 }),
  });
  admin = api.as(await make.user({ isAdmin: true }), true);
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await store.close();
});

beforeEach(async () => {
  organizationId = await make.organization();
  ownerId = await make.user({ organizationId });
  pool = await make.pool(await make.template({ organizationId, manifest: { driver: 'process' } }));
  machineId = createId(store.kit);
  daemon = await queue.daemon(
    { name: 'away', machineId, drivers: ['process'] },
    { organizationId },
  );
});

async function build(owned: Promise<TestBuild>): Promise<TestBuild> {
  const built = await owned;
  await queue.complete(await queue.mustTake(daemon));
  return built;
}
const ofOwner = (): Promise<TestBuild> => build(make.workspace(pool, { ownerId }));
const orphan = async ({ workspaceId: workspace }: TestBuild, client = admin) =>
  (await client.call(workspaceRoutes.orphanWorkspace, { params: { workspace } })).body;
const goAway = (): Promise<void> => store.advanceClock(61_000);

describe('a workspace whose machine is away', () => {
  it('says so within a minute, in the job that waits for it', async () => {
    const workspace = await ofOwner();
    const { jobId } = await make.nextBuild(pool, workspace, {
      ...{ transition: 'delete', initiatorId: ownerId, machineId },
    });
    const reason = async (): Promise<string | null> =>
      (await admin.call(jobRoutes.getJob, { params: { job: jobId } })).body.waiting_reason;
    expect(await reason()).toBeNull();
    await goAway();
    expect(await reason()).toMatch(/^machine_gone: /);
    await queue.daemon({ machineId, drivers: ['null'] }, { organizationId });
    expect(await reason()).toBe(
      `no_provisioner: no daemon on machine "${machineId}" offers driver "process"`,
    );
  });

  it('is deleted in the database alone, and names what may be left', async () => {
    const workspace = await ofOwner();
    await goAway();
    const { workspace: view, left_behind: left } = await orphan(workspace);
    expect(view).toMatchObject({
      status: 'deleted',
      latest_build: { number: 2, reason: 'orphan' },
    });
    expect(left).toEqual([
      `what driver "process" made for workspace ${workspace.workspaceId} on machine "${machineId}" ` +
        '(of away); a daemon that comes back there takes it away',
    ]);
    const { body } = await admin.call(jobRoutes.getJobLogs, {
      params: { job: view.latest_build.job_id },
      query: {},
    });
    expect(body).toMatchObject({ complete: true, truncated: false });
    expect(body.entries.map(({ line }) => line)).toEqual([
      'deleted in the database alone',
      `may be left: ${left[0]}`,
    ]);
    await expect(orphan(workspace)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('is deleted by the delete’s side that waited for its machine', async () => {
    const workspace = await ofOwner();
    const waiting = await make.nextBuild(pool, workspace, {
      ...{ transition: 'delete', initiatorId: ownerId, machineId },
    });
    await goAway();
    const { workspace: view } = await orphan(workspace);
    expect(view).toMatchObject({ status: 'deleted', latest_build: { number: 3 } });
    expect(await queue.status(waiting.jobId)).toMatchObject({ status: 'canceled' });
  });

  it('leaves its pool as well, which hears of it', async () => {
    const prebuild = await build(make.prebuild(pool));
    await goAway();
    store.announced.length = 0;
    await orphan(prebuild);
    expect(
      await store.sql('select from pool_members where workspace_id = $1', [prebuild.workspaceId]),
    ).toEqual([]);
    expect(store.announced).toContainEqual({ kind: 'pool', poolId: pool.poolId });
  });

  it('is what its machine clears up when it comes back', async () => {
    const workspace = await ofOwner();
    await goAway();
    await orphan(workspace);
    const back = await queue.restart(daemon);
    const wishes = await reportWorkspaces(queue.deps, back, [
      { id: workspace.workspaceId, state: 'running', ready: true },
    ]);
    expect(wishes).toEqual([{ id: workspace.workspaceId, want: 'remove' }]);
  });

  it('is a matter of administrators', async () => {
    const workspace = await ofOwner();
    await goAway();
    await expect(orphan(workspace, api.as(ownerId))).rejects.toMatchObject({ code: 'FORBIDDEN' });
    const stranger = await make.user({ organizationId });
    await expect(orphan(workspace, api.as(stranger))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('waits while its build still counts as running', async () => {
    const workspace = await ofOwner();
    await make.nextBuild(pool, workspace, {
      ...{ transition: 'stop', initiatorId: ownerId, machineId },
    });
    await queue.mustTake(daemon);
    await goAway();
    await expect(orphan(workspace)).rejects.toMatchObject({ code: 'BUILD_IN_PROGRESS' });
  });
});

describe('a workspace that a daemon can delete', () => {
  it('is not given up', async () => {
    const workspace = await ofOwner();
    await expect(orphan(workspace)).rejects.toMatchObject({
      code: 'MACHINE_PRESENT',
      detail: `a daemon of machine "${machineId}" was seen within the last minute`,
    });
  });

  it('is none that lives on no one machine', async () => {
    const template = await make.template({ organizationId });
    const workspace = await make.workspace(template, { ownerId });
    await goAway();
    await expect(orphan(workspace)).rejects.toMatchObject({
      code: 'MACHINE_PRESENT',
      detail: `workspace ${workspace.workspaceId} is not bound to a machine`,
    });
  });
});
