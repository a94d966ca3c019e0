// Whose build's end gives way to claims that are under way.
import { describe, expect, it } from 'vitest';
import { createProvisionerHandlers } from '../../../src/api/provisioner/handlers.ts';
import type { JobId } from '../../../src/base/id.ts';
import { PREBUILDS_USER_ID } from '../../../src/store/system-user.ts';
import type { Precedence } from '../../../src/base/precedence.ts';
import { DEAF, DISPATCH, type TestDaemon } from '../../support/queue.ts';
import { useQueueGround } from '../../support/queue-ground.ts';

const ground = useQueueGround();

/** As a daemon calls them; `gaveWay` tells for how long at most whatever did. */
function serve() {
  const gaveWay: number[] = [];
  const precedence: Pick<Precedence, 'behind'> = {
    behind: (mostMs, work) => {
      gaveWay.push(mostMs);
      return work();
    },
  };
  const { kit, database, keyring } = ground.store;
  const handlers = createProvisionerHandlers(
    {
      ...{ kit, database, keyring, precedence, bus: DEAF },
      ...{ bootstrapToken: () => 'sba_x', accessUrl: 'http://127.0.0.1:1' },
    },
    {
      ...{ heartbeatIntervalMs: 10_000, reportIntervalMs: 15_000, logLimitBytes: 1_000_000 },
      dispatch: DISPATCH,
    },
  );
  const callOf = ({ daemonId, keyId, incarnation }: TestDaemon) => ({
    caller: { keyId, organizationId: ground.organizationId, tags: {} },
    query: {},
    headers: undefined,
    signal: new AbortController().signal,
    daemonId,
    incarnation,
  });
  /** Takes the next job and reports that it is done; gives which it was. */
  const buildNext = async (daemon: TestDaemon): Promise<string> => {
    const { daemonId, incarnation, ...call } = callOf(daemon);
    const { body: job } = await handlers.acquireJob({
      ...call,
      params: { daemon: daemonId },
      body: {
        ...{ incarnation, wait_ms: 0, alive_ms: null },
        ...{ call_id: null, lost_calls: [], gives_back_only: false },
      },
    });
    if (job === null) throw new Error('there was no job to take');
    await handlers.completeJob({
      ...call,
      params: { job: job.id, daemon: daemonId },
      body: {
        ...{ incarnation, attempt: job.attempt, replaced: [], next: null },
        result: { outcome: 'succeeded', outputs: {}, secret_outputs: {}, resources: [] },
      },
    });
    return job.id;
  };
  return { buildNext, gaveWay };
}

describe('the end of a build', () => {
  it('gives way where a pool asked for it', async () => {
    const { jobId } = await ground.make.prebuild(await ground.make.pool(ground.template));
    const [daemon] = await ground.daemons(1);
    const { buildNext, gaveWay } = serve();
    expect(await buildNext(daemon!)).toBe(jobId);
    expect(gaveWay).toEqual([40]);
    expect(await ground.queue.status(jobId)).toMatchObject({ status: 'succeeded' });
  });

  it('does not where a person did', async () => {
    const { jobId } = await ground.make.workspace(ground.template, { ownerId: ground.ownerId });
    const [daemon] = await ground.daemons(1);
    const { buildNext, gaveWay } = serve();
    expect(await buildNext(daemon!)).toBe(jobId);
    expect(gaveWay).toEqual([]);
    expect(await ground.queue.status(jobId)).toMatchObject({ status: 'succeeded' });
  });

  it('goes alone where its preset may be rehearsed, and where a pool deletes', async () => {
    const { make, queue, organizationId } = ground;
    const [daemon] = await ground.daemons(1, { drivers: ['null', 'terraform'] });
    const endingOf = async (jobId: JobId) => {
      expect(await queue.mustTake(daemon!)).toMatchObject({ jobId });
      return queue.deps.dispatcher.builds.find(jobId)?.ending;
    };
    const prebuild = async (driver: 'null' | 'terraform') => {
      const template = await make.template({ organizationId, manifest: { driver } });
      const pool = await make.pool(template);
      return { pool, build: await make.prebuild(pool) };
    };
    const { pool, build } = await prebuild('null');
    expect(await endingOf(build.jobId)).toBe('together');
    const planned = await prebuild('terraform');
    expect(await endingOf(planned.build.jobId)).toBe('gives way');
    const deleted = await make.nextBuild(pool, build, {
      ...{ initiatorId: PREBUILDS_USER_ID, transition: 'delete', jobClass: 3 },
    });
    expect(await endingOf(deleted.jobId)).toBe('gives way');
  });
});
