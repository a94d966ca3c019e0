import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createId, type UserId, type WorkspaceId } from '../../../src/base/id.ts';
import { reportWorkspaces, type ReportedWorkspace } from '../../../src/jobs/report-workspaces.ts';
import { markMembersGone } from '../../../src/store/live-pool/member.ts';
import { recordChecks, renewChecks } from '../../../src/store/workspace-report.ts';
import {
  createFactory,
  type Factory,
  type TestBuild,
  type TestPool,
} from '../../support/factory.ts';
import { createQueue, FAILED, type TestDaemon, type TestQueue } from '../../support/queue.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let queue: TestQueue;
let pool: TestPool;
let ownerId: UserId;
let daemon: TestDaemon;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  queue = createQueue(store, make);
});
afterAll(() => store.close());

beforeEach(async () => {
  const organizationId = await make.organization();
  ownerId = await make.user({ organizationId });
  pool = await make.pool(await make.template({ organizationId, manifest: { driver: 'process' } }));
  daemon = await queue.daemon({ drivers: ['process'], machineId: 'home' }, { organizationId });
});

async function prebuilt(): Promise<TestBuild> {
  const build = await make.prebuild(pool);
  await make.agent(build.workspaceId, { kind: 'check' });
  await queue.complete(await queue.mustTake(daemon));
  return build;
}

async function owned(): Promise<TestBuild> {
  const build = await make.workspace(pool, { ownerId });
  await queue.complete(await queue.mustTake(daemon));
  return build;
}

async function report(
  id: WorkspaceId,
  change: Partial<ReportedWorkspace> = {},
  by: TestDaemon = daemon,
): Promise<string> {
  const reported = [{ id, state: 'running' as const, ready: null, ...change }];
  const [answer] = await reportWorkspaces(queue.deps, by, reported);
  expect(answer?.id).toBe(id);
  return answer!.want;
}

async function member(workspaceId: WorkspaceId): Promise<unknown> {
  const rows = await store.sql('select ready, broken from pool_members where workspace_id = $1', [
    workspaceId,
  ]);
  return rows[0];
}

describe('a report', () => {
  it('makes a prebuild ready by its check, and unready again', async () => {
    const { workspaceId } = await prebuilt();
    expect(await member(workspaceId)).toEqual({ ready: false, broken: null });
    store.announced.length = 0;
    expect(await report(workspaceId, { ready: true })).toBe('keep');
    expect(await member(workspaceId)).toEqual({ ready: true, broken: null });
    expect(store.announced).toContainEqual({ kind: 'pool', poolId: pool.poolId });
    await report(workspaceId, { ready: false });
    expect(await member(workspaceId)).toEqual({ ready: false, broken: null });
  });

  it('renews a check without announcing or locking anything', async () => {
    const { workspaceId } = await prebuilt();
    await report(workspaceId, { ready: true });
    await store.advanceClock(30_000);
    store.announced.length = 0;
    await report(workspaceId, { ready: true });
    expect(store.announced).toEqual([]);
    const [agent] = await store.sql(
      `select standby_now() - last_seen_at < interval '5 s' as fresh from agents
       where workspace_id = $1`,
      [workspaceId],
    );
    expect(agent).toEqual({ fresh: true });
  });

  it('that another one overtook leaves the pool and the check of one mind', async () => {
    const { workspaceId } = await prebuilt();
    await report(workspaceId, { ready: true });
    const other = await store.database.connect();
    await other.query('begin');
    await other.query(`update agents set lifecycle = 'created' where workspace_id = $1`, [
      workspaceId,
    ]);
    const overtaken = report(workspaceId, { ready: true });
    await expect
      .poll(() =>
        store.sql(`select from pg_stat_activity
           where datname = current_database() and wait_event_type = 'Lock'`),
      )
      .not.toHaveLength(0);
    await other.query('update pool_members set ready = false where workspace_id = $1', [
      workspaceId,
    ]);
    await other.query('commit');
    await other.end();
    await overtaken;
    expect(await member(workspaceId)).toEqual({ ready: true, broken: null });
  });

  it('of a prebuild that is gone tells its pool, for good', async () => {
    const { workspaceId } = await prebuilt();
    await report(workspaceId, { ready: true });
    // As after a reboot: whoever lived then may know why it died.
    await store.advanceClock(1_000);
    daemon = await queue.restart(daemon);
    store.announced.length = 0;
    expect(await report(workspaceId, { state: 'gone' })).toBe('keep');
    expect(await member(workspaceId)).toEqual({ ready: false, broken: 'gone' });
    expect(store.announced).toContainEqual({ kind: 'pool', poolId: pool.poolId });
    await report(workspaceId, { ready: true });
    expect(await member(workspaceId)).toEqual({ ready: false, broken: 'gone' });
  });

  it('of a prebuild that is gone while the daemon that built it lives on says that it died', async () => {
    const { workspaceId } = await prebuilt();
    await report(workspaceId, { ready: true });
    await report(workspaceId, { state: 'gone' });
    expect(await member(workspaceId)).toEqual({ ready: false, broken: 'died' });
    daemon = await queue.restart(daemon);
    await report(workspaceId, { state: 'gone' });
    expect(await member(workspaceId)).toEqual({ ready: false, broken: 'died' });
  });

  it('of somebody’s workspace that is gone brings it back', async () => {
    const { workspaceId } = await owned();
    expect(await report(workspaceId, { state: 'gone' })).toBe('restart');
    expect(await report(workspaceId)).toBe('keep');
  });

  it('of an unknown workspace has it removed', async () => {
    expect(await report(createId<WorkspaceId>(store.kit))).toBe('remove');
  });

  it('of a deleted workspace has it removed', async () => {
    const build = await owned();
    await make.nextBuild(pool, build, { transition: 'delete', initiatorId: ownerId });
    expect(await report(build.workspaceId)).toBe('keep');
    await queue.complete(await queue.mustTake(daemon), { outcome: 'succeeded', outputs: {} });
    expect(await report(build.workspaceId)).toBe('remove');
  });

  it('of a workspace whose only build failed has it removed, but not while it is built', async () => {
    const { workspaceId } = await make.workspace(pool, { ownerId });
    expect(await report(workspaceId)).toBe('keep');
    const attempt = await queue.mustTake(daemon);
    expect(await report(workspaceId)).toBe('keep');
    await queue.complete(attempt, FAILED);
    expect(await report(workspaceId)).toBe('remove');
  });

  it('never has anything removed that lives elsewhere', async () => {
    const build = await owned();
    await make.nextBuild(pool, build, { transition: 'delete', initiatorId: ownerId });
    await queue.complete(await queue.mustTake(daemon), { outcome: 'succeeded', outputs: {} });
    const { organizationId } = pool;
    const away = await queue.daemon({ machineId: 'away' }, { organizationId });
    expect(await report(build.workspaceId, {}, away)).toBe('keep');
    const stranger = await queue.daemon(
      { machineId: 'home' },
      { organizationId: await make.organization() },
    );
    expect(await report(build.workspaceId, {}, stranger)).toBe('keep');
  });

  it('from elsewhere changes nothing', async () => {
    const { workspaceId } = await prebuilt();
    await report(workspaceId, { ready: true });
    const away = await queue.daemon({ machineId: 'away' });
    await report(workspaceId, { ready: false }, away);
    await report(workspaceId, { state: 'gone' }, away);
    expect(await member(workspaceId)).toEqual({ ready: true, broken: null });
  });

  it('about what lives on no machine changes nothing, whoever makes it', async () => {
    const { organizationId } = pool;
    pool = await make.pool(await make.template({ organizationId, manifest: { driver: 'null' } }));
    const build = await make.prebuild(pool);
    await make.agent(build.workspaceId, { kind: 'check' });
    const builder = await queue.daemon({ machineId: 'home' }, { organizationId });
    await queue.complete(await queue.mustTake(builder));
    const other = await queue.daemon({ drivers: ['process'], machineId: 'away' });
    for (const by of [daemon, other, builder]) {
      expect(await report(build.workspaceId, { ready: true }, by)).toBe('keep');
      expect(await report(build.workspaceId, { state: 'gone' }, by)).toBe('keep');
    }
    expect(await member(build.workspaceId)).toEqual({ ready: false, broken: null });
  });

  it('counts while the first build is at work, from its machine alone', async () => {
    const { workspaceId } = await make.prebuild(pool);
    await make.agent(workspaceId, { kind: 'check' });
    const attempt = await queue.mustTake(daemon);
    const lifecycles = () =>
      store.sql('select lifecycle from agents where workspace_id = $1', [workspaceId]);
    const away = await queue.daemon({ machineId: 'away', drivers: ['process'] });
    await report(workspaceId, { ready: true }, away);
    expect(await lifecycles()).toEqual([{ lifecycle: 'created' }]);
    await report(workspaceId, { ready: true });
    expect(await lifecycles()).toEqual([{ lifecycle: 'ready' }]);
    await queue.complete(attempt);
    expect(await member(workspaceId)).toEqual({ ready: true, broken: null });
  });

  it('that was judged before its daemon moved or was replaced is not stored', async () => {
    const { workspaceId } = await prebuilt();
    await report(workspaceId, { ready: true });
    const args = { workspaceIds: [workspaceId], ready: [false] };
    await queue.restart({ ...daemon, asked: { ...daemon.asked, machineId: 'away' } });
    const moved = { ...daemon, incarnation: daemon.incarnation + 1 };
    for (const by of [daemon, moved]) {
      expect(await recordChecks.run(store.database, { ...by, ...args })).toBe(0);
      expect(await renewChecks.run(store.database, { ...by, ...args, ready: [true] })).toBe(0);
      expect(await markMembersGone.run(store.database, { ...by, ...args })).toBe(0);
    }
    expect(await member(workspaceId)).toEqual({ ready: true, broken: null });
  });

  it('is refused from a process that was replaced, or was never there', async () => {
    await queue.restart(daemon);
    await expect(reportWorkspaces(queue.deps, daemon, [])).rejects.toMatchObject({
      code: 'DAEMON_REPLACED',
    });
    const stranger = { ...daemon, keyId: await make.key() };
    await expect(reportWorkspaces(queue.deps, stranger, [])).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    // Nor from one that the database, put back from a backup, does not know yet.
    const ahead = { ...daemon, incarnation: daemon.incarnation + 2 };
    await expect(reportWorkspaces(queue.deps, ahead, [])).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  it('about a thousand workspaces costs a few statements', async () => {
    const { workspaceId } = await prebuilt();
    let statements = 0;
    const counted = {
      ...store.database,
      query: (...args: Parameters<typeof store.database.query>) => {
        statements++;
        return store.database.query(...args);
      },
    };
    const many = Array.from({ length: 1_000 }, (_, index) => ({
      id: index === 0 ? workspaceId : createId<WorkspaceId>(store.kit),
      state: 'running' as const,
      ready: false,
    }));
    const answers = await reportWorkspaces({ ...queue.deps, database: counted }, daemon, many);
    expect(answers).toHaveLength(1_000);
    expect(statements).toBe(3);
  });
});
