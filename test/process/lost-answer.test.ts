// An answer is lost on its way to the daemon: to a result, which it reports again and which counts once,
// or to a call for work, whose job it gets with the next one.
import { beforeAll, describe, expect, it } from 'vitest';
import { workspaceRoutes } from '../../src/contract/workspace/route.ts';
import { until } from '../support/until.ts';
import { createFleet } from '../support/fleet.ts';
import { buildBin } from '../support/program.ts';
import { bodyOfCreated } from '../support/created.ts';

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
    const params = { workspace: bodyOfCreated(made).workspace.id };
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

describe('a daemon whose calls for work are not answered', () => {
  it('gets the jobs that went with the answers, each once', async () => {
    let lost = 0;
    await using fleet = await createFleet({
      planes: 1,
      loses: (_method, path) => path.endsWith('/acquire') && (lost += 1) % 2 === 1 && lost < 12,
    });
    const { store } = fleet;
    await fleet.startDaemon();
    await fleet.push('sample', { instances: 4, startMs: 0 });
    await until(async () => {
      const pool = await store.sql('select from pool_members where running_since is not null');
      expect(pool).toHaveLength(4);
    });
    expect(lost).toBeGreaterThanOrEqual(5);
    const jobs = await store.sql<{ status: string; attempt: number }>(
      'select status, attempt from jobs',
    );
    // A start that was lost with its daemon would have failed, and another one taken its place.
    expect(jobs).toEqual(Array.from({ length: 5 }, () => ({ status: 'succeeded', attempt: 1 })));
  });
});

/** The jobs of the attempts that a daemon says to have ended. */
function worked(log: string): readonly string[] {
  return [...log.matchAll(/^.*"attempt\.ended".*$/gm)]
    .map(([line]) => (JSON.parse(line) as { readonly jobId: string }).jobId)
    .sort();
}
