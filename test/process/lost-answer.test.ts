// The answer to a result is lost on its way back: the daemon reports again, and the result counts once.
import { beforeAll, describe, expect, it } from 'vitest';
import { workspaceRoutes } from '../../src/contract/workspace/route.ts';
import { until } from '../support/crash-steps.ts';
import { createFleet } from '../support/fleet.ts';
import { buildBin } from '../support/program.ts';

beforeAll(buildBin);

describe('a daemon whose results are not answered', () => {
  it('reports each again, which is one result and one piece of work', async () => {
    const reports = new Map<string, number>();
    await using fleet = await createFleet({
      planes: 1,
      // The first two answers about every job.
      loses: (_method, path) => {
        const [, jobId] = /\/jobs\/([^/]+)\/complete$/.exec(path) ?? [];
        if (jobId === undefined) return false;
        const count = (reports.get(jobId) ?? 0) + 1;
        reports.set(jobId, count);
        return count <= 2;
      },
    });
    const { client, store } = fleet;
    await fleet.startDaemon();
    await fleet.push('sample', { instances: 2, startMs: 0 });
    const made = await client.call(workspaceRoutes.createWorkspace, {
      params: { organization: 'default' },
      headers: {},
      body: { name: 'mine', template: 'sample' },
    });
    const params = { workspace: made.body.workspace.id };
    await until(async () => {
      const { body } = await client.call(workspaceRoutes.getWorkspace, { params, query: {} });
      expect(body.status).toBe('running');
    });
    await client.call(workspaceRoutes.deleteWorkspace, { params });
    await until(async () => {
      const { body } = await client.call(workspaceRoutes.getWorkspace, { params, query: {} });
      expect(body.status).toBe('deleted');
      expect(await store.sql('select from jobs where completed_at is null')).toEqual([]);
    });

    const jobs = await store.sql<{ id: string; status: string; attempt: number }>(
      'select id, status, attempt from jobs order by id',
    );
    // A check, the pool's two and perhaps a third, the claim's and the delete.
    expect(jobs.length).toBeGreaterThanOrEqual(5);
    await until(() => expect(jobs.map(({ id }) => reports.get(id))).toEqual(jobs.map(() => 3)));
    expect(jobs.map(({ status }) => status)).toEqual(jobs.map(() => 'succeeded'));
    expect(jobs.map(({ attempt }) => attempt)).toEqual(jobs.map(() => 1));
    // It was told that each had counted, and undid nothing.
    const [daemon] = fleet.daemons;
    await daemon?.end('SIGTERM');
    expect(daemon?.said()).not.toContain('attempt.refused');
    expect(worked(daemon?.said() ?? '')).toEqual(jobs.map(({ id }) => id));
  });
});

/** The jobs of the attempts that a daemon says to have ended. */
function worked(log: string): readonly string[] {
  return [...log.matchAll(/^.*"attempt\.ended".*$/gm)]
    .map(([line]) => (JSON.parse(line) as { readonly jobId: string }).jobId)
    .sort();
}
