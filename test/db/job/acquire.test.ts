import { describe, expect, it } from 'vitest';
import { createId, type DaemonId, type JobId } from '../../../src/base/id.ts';
import { acquireJob } from '../../../src/jobs/acquire-job.ts';
import type { Database } from '../../../src/store/database.ts';
import { createNoticeBus } from '../../../src/store/notice-bus.ts';
import { createFactory } from '../../support/factory.ts';
import { createQueue } from '../../support/queue.ts';
import { isLook, useQueueGround } from '../../support/queue-ground.ts';
import { openTestStore } from '../../support/store.ts';

const ground = useQueueGround();

describe('a daemon that asks for work', () => {
  it('gets a job with all that its driver needs', async () => {
    await ground.store.sql(
      `update users set email = 'owner@example.com' where id = '${ground.ownerId}'`,
    );
    const built = await ground.make.workspace(ground.template, {
      ownerId: ground.ownerId,
      parameters: { size: 'large' },
    });
    const daemon = await ground.queue.daemon();
    const job = await ground.queue.take(daemon);
    expect(job).toEqual({
      id: built.jobId,
      attempt: 1,
      class: 2,
      waitedMs: expect.any(Number),
      type: 'workspace_build',
      driver: 'null',
      organizationId: ground.organizationId,
      template: ground.template.name,
      versionId: ground.template.versionId,
      fileHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      manifest: ground.template.manifest,
      build: {
        workspaceId: built.workspaceId,
        name: expect.stringMatching(/^workspace-/),
        organization: expect.stringMatching(/^org-/),
        ownerId: ground.ownerId,
        username: expect.stringMatching(/^user-/),
        displayName: expect.stringMatching(/^user-/),
        email: 'owner@example.com',
        ownerIsSystem: false,
        epoch: 1,
        transition: 'start',
        stage: 'none',
        number: 1,
        parameters: { size: 'large' },
        secretParametersId: null,
      },
    });
    expect(await ground.queue.take(daemon)).toBeUndefined();
  });

  it('is told of a prebuild that nobody owns it yet', async () => {
    await ground.make.prebuild(await ground.make.pool(ground.template));
    expect((await ground.queue.take(await ground.queue.daemon()))?.build).toMatchObject({
      ownerIsSystem: true,
      email: null,
    });
  });

  it('gets an import without a workspace', async () => {
    const { versionId, jobId } = await ground.make.version(ground.template);
    const job = await ground.queue.take(await ground.queue.daemon());
    expect(job).toMatchObject({
      id: jobId,
      type: 'template_version_import',
      versionId,
      build: null,
    });
  });

  it('gets each job once, however many ask at the same time', async () => {
    const jobs = await Promise.all(
      Array.from({ length: 64 }, () =>
        ground.make.workspace(ground.template, { ownerId: ground.ownerId }),
      ),
    );
    const daemons = await Promise.all(Array.from({ length: 8 }, () => ground.queue.daemon()));
    const taken: JobId[] = [];
    await Promise.all(
      daemons.map(async (daemon) => {
        for (
          let job = await ground.queue.take(daemon);
          job !== undefined;
          job = await ground.queue.take(daemon)
        )
          taken.push(job.id);
      }),
    );
    expect(taken.sort()).toEqual(jobs.map((job) => job.jobId).sort());
    const rows = await ground.store.sql(
      `select count(*)::int as jobs, max(attempt) as attempt from jobs where id = any ($1)`,
      [taken],
    );
    expect(rows).toEqual([{ jobs: 64, attempt: 1 }]);
  });

  it('gets only jobs of its organization, unless it serves all', async () => {
    const other = await ground.make.organization();
    const { jobId } = await ground.make.workspace(ground.template, { ownerId: ground.ownerId });
    expect(
      await ground.queue.take(await ground.queue.daemon({}, { organizationId: other })),
    ).toBeUndefined();
    const own = await ground.queue.daemon({}, { organizationId: ground.organizationId });
    expect(await ground.queue.take(own)).toMatchObject({ id: jobId });
  });

  it('gets only jobs of its drivers', async () => {
    const { jobId } = await ground.make.workspace(ground.template, {
      ownerId: ground.ownerId,
      driver: 'process',
    });
    expect(
      await ground.queue.take(await ground.queue.daemon({ drivers: ['null'] })),
    ).toBeUndefined();
    const both = await ground.queue.daemon({ drivers: ['null', 'process'] });
    expect(await ground.queue.take(both)).toMatchObject({ id: jobId });
  });

  it('gets only jobs all of whose tags it has', async () => {
    const { jobId } = await ground.make.workspace(ground.template, {
      ownerId: ground.ownerId,
      tags: { zone: 'eu', gpu: 'yes' },
    });
    for (const tags of [{}, { zone: 'eu' }, { zone: 'us', gpu: 'yes' }]) {
      expect(await ground.queue.take(await ground.queue.daemon({ tags }))).toBeUndefined();
    }
    const tags = { zone: 'eu', gpu: 'yes', disk: 'fast' };
    expect(await ground.queue.take(await ground.queue.daemon({ tags }))).toMatchObject({
      id: jobId,
    });
  });

  it('cannot overrule the tags of its key', async () => {
    await ground.make.workspace(ground.template, { ownerId: ground.ownerId, tags: { zone: 'eu' } });
    const bound = await ground.queue.daemon({ tags: { zone: 'eu' } }, { tags: { zone: 'us' } });
    expect(await ground.queue.take(bound)).toBeUndefined();
  });

  it('gets what lives on one machine only there', async () => {
    const { jobId } = await ground.make.workspace(ground.template, {
      ownerId: ground.ownerId,
      machineId: 'here',
    });
    expect(
      await ground.queue.take(await ground.queue.daemon({ machineId: 'there' })),
    ).toBeUndefined();
    expect(await ground.queue.take(await ground.queue.daemon({ machineId: 'here' }))).toMatchObject(
      {
        id: jobId,
      },
    );
  });

  it('is refused when a newer process of it has registered', async () => {
    const former = await ground.queue.daemon();
    await ground.queue.restart(former);
    await ground.make.workspace(ground.template, { ownerId: ground.ownerId });
    await expect(ground.queue.take(former)).rejects.toMatchObject({ code: 'DAEMON_REPLACED' });
  });

  it('is told to register when its key has no such daemon', async () => {
    const daemon = await ground.queue.daemon();
    const stranger = { ...daemon, keyId: await ground.make.key() };
    await expect(ground.queue.take(stranger)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const unknown = { ...daemon, daemonId: createId<DaemonId>(ground.store.kit) };
    await expect(ground.queue.take(unknown)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('is told to register when the database is older than its registration', async () => {
    const daemon = await ground.queue.daemon();
    const ahead = { ...daemon, incarnation: daemon.incarnation + 1 };
    await expect(ground.queue.take(ahead)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    // It was known when it began to wait.
    const former = await ground.queue.restart(daemon);
    expect(await ground.queue.take(former)).toBeUndefined();
    await ground.store.sql('update daemons set incarnation = incarnation - 1 where id = $1', [
      daemon.daemonId,
    ]);
    await ground.make.workspace(ground.template, { ownerId: ground.ownerId });
    await expect(ground.queue.take(former)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('the order of the queue', () => {
  async function takeAll(): Promise<readonly JobId[]> {
    const daemon = await ground.queue.daemon();
    const order: JobId[] = [];
    for (
      let job = await ground.queue.take(daemon);
      job !== undefined;
      job = await ground.queue.take(daemon)
    )
      order.push(job.id);
    return order;
  }
  async function queued(jobClass: 1 | 2 | 3 | 4, ageMinutes = 0): Promise<JobId> {
    const { jobId } = await ground.make.workspace(ground.template, {
      ownerId: ground.ownerId,
      jobClass,
    });
    await ground.store.sql(
      `update jobs set created_at = created_at - $2 * interval '1 minute' where id = $1`,
      [jobId, ageMinutes],
    );
    return jobId;
  }

  it('is by class, and oldest first within one', async () => {
    const creation = await queued(4, 3);
    const person = await queued(2, 1);
    const olderPerson = await queued(2, 2);
    const claim = await queued(1);
    const deletion = await queued(3, 4);
    expect(await takeAll()).toEqual([claim, olderPerson, person, deletion, creation]);
  });

  it('lifts a job by one class for every ten minutes, but never among the claims', async () => {
    const claim = await queued(1);
    const person = await queued(2, 15);
    const freshDeletion = await queued(3, 9.5);
    const agedDeletion = await queued(3, 10.5);
    const agedCreation = await queued(4, 12);
    const oldCreation = await queued(4, 300);
    expect(await takeAll()).toEqual([
      claim,
      oldCreation,
      person,
      agedDeletion,
      agedCreation,
      freshDeletion,
    ]);
  });
});

describe('a daemon that waits for work', () => {
  it('is woken by a notice, long before it would look again', async () => {
    await using other = await openTestStore();
    const makeThere = createFactory(other);
    const bus = createNoticeBus({ ...other.kit, database: other.database });
    const there = createQueue(other, makeThere, { bus, pollMs: 60_000 });
    const daemon = await there.daemon();
    const organization = await makeThere.organization();
    const owner = await makeThere.user({ organizationId: organization });
    const made = await makeThere.template({ organizationId: organization });

    const waiting = acquireJob(there.deps, daemon, {
      signal: new AbortController().signal,
      waitMs: 60_000,
    });
    const { jobId } = await makeThere.workspace(made, { ownerId: owner });
    other.database.announce([{ kind: 'queue', organizationId: organization, driver: 'null' }]);
    expect(await waiting).toMatchObject({ id: jobId });
  });

  it('looks by itself when the notice was lost', async () => {
    const daemon = await ground.queue.daemon();
    const polling = createQueue(ground.store, ground.make, { pollMs: 20 });
    const waiting = acquireJob(polling.deps, daemon, {
      signal: new AbortController().signal,
      waitMs: 60_000,
    });
    const { jobId } = await ground.make.workspace(ground.template, { ownerId: ground.ownerId });
    expect(await waiting).toMatchObject({ id: jobId });
  });

  it('gives back what it took for a caller who has hung up, as if nobody had taken it', async () => {
    const { jobId } = await ground.make.workspace(ground.template, {
      ownerId: ground.ownerId,
      driver: 'process',
    });
    const daemon = await ground.queue.daemon({ drivers: ['process'], machineId: 'here' });
    const caller = new AbortController();
    // It hangs up while the look for it is made.
    const query: Database['query'] = (asked) => {
      if (isLook(asked)) caller.abort();
      return ground.store.database.query(asked);
    };
    const hasty = createQueue(
      { ...ground.store, database: { ...ground.store.database, query } },
      ground.make,
    );
    const options = { signal: caller.signal, waitMs: 60_000 };
    expect(await acquireJob(hasty.deps, daemon, options)).toBeUndefined();
    expect(await ground.queue.status(jobId)).toMatchObject({ status: 'pending', attempt: 0 });
    const elsewhere = await ground.queue.daemon({ drivers: ['process'], machineId: 'there' });
    expect(await ground.queue.take(elsewhere)).toMatchObject({ id: jobId, attempt: 1 });
  });
});
