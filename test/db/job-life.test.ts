import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createId, type DaemonId } from '../../src/base/id.ts';
import { acquireJob } from '../../src/jobs/acquire-job.ts';
import { completeJob } from '../../src/jobs/complete-job.ts';
import { registerDaemon, type RegisteringDaemon } from '../../src/jobs/register-daemon.ts';
import { createNoticeBus, type NoticeBus } from '../../src/store/notice-bus.ts';
import { createFactory, type Factory } from '../support/factory.ts';
import { openTestStore, type TestStore } from '../support/store.ts';

let store: TestStore;
let make: Factory;
let bus: NoticeBus;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  bus = createNoticeBus({ ...store.kit, database: store.database });
});
afterAll(() => store.close());

const asked = (id: DaemonId): RegisteringDaemon => ({
  protocolVersion: 1,
  id,
  name: 'daemon',
  machineId: 'machine',
  drivers: ['null'],
  tags: {},
  slots: 1,
  version: 'test',
});

describe('a job', () => {
  it('is taken by a registered daemon and completed', async () => {
    const organizationId = await make.organization();
    const ownerId = await make.user({ organizationId });
    const template = await make.template({ organizationId });
    const { jobId, workspaceId } = await make.workspace(template, { ownerId });
    const keyId = await make.key();
    const daemonId = createId<DaemonId>(store.kit);
    const deps = {
      ...store.kit,
      database: store.database,
      bus,
    };
    const key = { keyId, organizationId: null, tags: {} };
    const { incarnation } = await registerDaemon(deps, key, asked(daemonId));
    const daemon = { daemonId, keyId, incarnation };
    const job = await acquireJob(deps, daemon, {
      signal: new AbortController().signal,
      waitMs: 0,
      pollMs: 10,
    });
    expect(job).toMatchObject({ id: jobId, attempt: 1, build: { workspaceId } });
    await completeJob(
      deps,
      { daemon, jobId, attempt: 1 },
      { outcome: 'succeeded', outputs: { url: 'http://x' } },
    );
    expect(await store.sql('select status from jobs where id = $1', [jobId])).toEqual([
      { status: 'succeeded' },
    ]);
  });
});
