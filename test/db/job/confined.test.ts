// Versions that ask for a sandbox or limits of the process driver: a daemon that knows of neither would
// run them without.
import { describe, expect, it } from 'vitest';
import path from 'node:path';
import { viewJob } from '../../../src/api/job/view.ts';
import { NO_LIMITS, type ProcessSettings } from '../../../src/contract/manifest/schema.ts';
import { reportWorkspaces } from '../../../src/jobs/report-workspaces.ts';
import { findVisibleJob } from '../../../src/store/job-view.ts';
import { readMigrations, type Migration } from '../../../src/store/migrate.ts';
import type { TestTemplate } from '../../support/factory.ts';
import type { TestDaemon } from '../../support/queue.ts';
import { useQueueGround } from '../../support/queue-ground.ts';

const ground = useQueueGround();

const template = (settings: Partial<ProcessSettings>): Promise<TestTemplate> => {
  const process: ProcessSettings = {
    ...{ command: ['serve'], environment: {}, limits: NO_LIMITS, sandbox: 'none' },
    ...settings,
  };
  return ground.make.template({
    organizationId: ground.organizationId,
    manifest: { driver: 'process', process },
  });
};

const daemon = (name: string, protocolVersion: number): Promise<TestDaemon> =>
  ground.queue.daemon(
    { name, protocolVersion, drivers: ['process'] },
    { organizationId: ground.organizationId },
  );

/** The migration that holds back what waits. */
const holdBack = async (): Promise<Migration> => {
  const all = await readMigrations(path.join(import.meta.dirname, '../../../migrations'));
  const found = all.find(({ name }) => name.endsWith('_hold_back_confined_jobs.sql'));
  if (found === undefined) throw new Error('there is no such migration');
  return found;
};

describe('a version that asks for', () => {
  it.each<readonly [string, Partial<ProcessSettings>]>([
    ['a sandbox', { sandbox: 'bubblewrap' }],
    ['a limit', { limits: { ...NO_LIMITS, processes: 64 } }],
  ])('%s is not handed to a daemon that knows of none', async (_, settings) => {
    const { make, queue, ownerId } = ground;
    const confined = await template(settings);
    const old = await daemon('old', 3);
    const build = await make.workspace(confined, { ownerId });
    expect(await queue.take(old)).toBeUndefined();
    const waiting = await findVisibleJob.one(ground.store.database, {
      ...{ id: build.jobId, asMember: null },
    });
    expect(viewJob(waiting).waiting_reason).toBe(
      'no_provisioner: no daemon that can keep the sandbox and the limits of a template (protocol version 4) offers driver "process"; ' +
        'too old: "old" (protocol version 3): upgrade to the release of the control plane',
    );
    // All else it goes on to do.
    const plain = await make.workspace(await template({}), { ownerId });
    expect(await queue.take(old)).toMatchObject({ id: plain.jobId });

    await queue.complete(await queue.mustTake(await daemon('current', 4)));
  });

  it.each(['stop', 'delete'] as const)(
    'a sandbox is ended by any daemon: %s',
    async (transition) => {
      const { make, queue, ownerId } = ground;
      const confined = await template({ sandbox: 'bubblewrap' });
      const build = await make.workspace(confined, { ownerId });
      await queue.complete(await queue.mustTake(await daemon('current', 4)));
      const old = await daemon('old', 3);
      const ended = await make.nextBuild(confined, build, {
        ...{ initiatorId: ownerId, transition, number: 2 },
      });
      const taken = await queue.mustTake(old);
      expect(taken.jobId).toBe(ended.jobId);
      await queue.complete(taken);
      // Not started again, though.
      await make.nextBuild(confined, build, {
        ...{ initiatorId: ownerId, transition: 'start', number: 3 },
      });
      expect(await queue.take(old)).toBeUndefined();
    },
  );

  it('a sandbox waits for one that keeps it, where it waited before the upgrade', async () => {
    const { make, queue, ownerId, store } = ground;
    const confined = await template({ sandbox: 'bubblewrap' });
    const done = await make.workspace(confined, { ownerId });
    await queue.complete(await queue.mustTake(await daemon('current', 4)));
    const start = await make.workspace(confined, { ownerId });
    const stop = await make.nextBuild(confined, done, {
      ...{ initiatorId: ownerId, transition: 'stop', number: 2 },
    });
    const plain = await make.workspace(await template({}), { ownerId });
    await store.sql('update jobs set min_protocol_version = 1');
    await store.sql((await holdBack()).sql);
    const versions = await store.sql<{ id: string; version: number }>(
      'select id, min_protocol_version as version from jobs where id = any ($1)',
      [[done, start, stop, plain].map(({ jobId }) => jobId)],
    );
    expect(new Map(versions.map(({ id, version }) => [id, version]))).toEqual(
      new Map([
        [done.jobId, 1],
        [start.jobId, 4],
        [stop.jobId, 1],
        [plain.jobId, 1],
      ]),
    );
  });

  it('a sandbox is not brought back by a daemon that knows of none', async () => {
    const { make, queue, ownerId, store } = ground;
    const { workspaceId: id } = await make.workspace(await template({ sandbox: 'bubblewrap' }), {
      ownerId,
    });
    const before = await daemon('upgraded', 4);
    await queue.complete(await queue.mustTake(before));
    const gone = [{ id, state: 'gone' as const, ready: null }];
    const wants = (by: TestDaemon) => reportWorkspaces(queue.deps, by, gone);
    expect(await wants(before)).toEqual([{ id, want: 'restart' }]);
    const after = await queue.restart({
      ...before,
      asked: { ...before.asked, protocolVersion: 3 },
    });
    expect(await wants(after)).toEqual([{ id, want: 'keep' }]);
    // Nor where a control plane of an older release queued the build, which asks for nothing then.
    await store.sql('update jobs set min_protocol_version = 1');
    expect(await wants(after)).toEqual([{ id, want: 'keep' }]);
    expect(await wants(await queue.restart(before))).toEqual([{ id, want: 'restart' }]);
  });
});
