// Versions that ask for a sandbox or limits of the process driver: a daemon that knows of neither would
// run them without.
import { describe, expect, it } from 'vitest';
import { viewJob } from '../../../src/api/job/view.ts';
import { NO_LIMITS, type ProcessSettings } from '../../../src/contract/manifest/schema.ts';
import { reportWorkspaces } from '../../../src/jobs/report-workspaces.ts';
import { findVisibleJob } from '../../../src/store/job-view.ts';
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

    const current = await daemon('current', 4);
    await queue.complete(await queue.mustTake(current));
    for (const transition of ['stop', 'delete'] as const) {
      const next = await make.nextBuild(confined, build, {
        ...{ initiatorId: ownerId, transition, number: transition === 'stop' ? 2 : 3 },
      });
      expect(await queue.take(old)).toBeUndefined();
      const taken = await queue.mustTake(current);
      expect(taken.jobId).toBe(next.jobId);
      await queue.complete(taken);
    }
  });

  it('a sandbox is not brought back by a daemon that knows of none', async () => {
    const { make, queue, ownerId } = ground;
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
  });
});
