// What a new owner gives with a claim: kept sealed, told to the agents' newest sessions, and then gone.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLineLog } from '../../../src/agent/line-log.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { hashToken } from '../../../src/base/token.ts';
import type { UserId, WorkspaceId } from '../../../src/base/id.ts';
import type { OwnerValues } from '../../../src/domain/workspace/owner-values.ts';
import { clearOwnerValues } from '../../../src/jobs/clear-owner-values.ts';
import { resealRetired, rotateKeys } from '../../../src/keys/rotate.ts';
import type { AgentSessionRow } from '../../../src/store/agent-session.ts';
import { serveHeartbeat } from '../../../src/workspaces/agent/heartbeat.ts';
import { readAgentValues } from '../../../src/workspaces/agent/values.ts';
import type { CreatedWorkspace } from '../../../src/workspaces/served.ts';
import { createTestCreator, judgeNoAgents, proveDepsOf, UNPROVEN } from '../../support/creator.ts';
import type { WorkspaceRequest } from '../../../src/workspaces/request.ts';
import { serveLine } from '../../../src/workspaces/waiting/serve-line.ts';
import { openSession } from '../../support/agent-session.ts';
import { asCreated, NO_WAITING } from '../../support/created.ts';
import { countStatements } from '../../support/counted-database.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { createQueue, type TestQueue } from '../../support/queue.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

const CANARY = 'canary-9e2c "\\ü';
const VALUES: OwnerValues = {
  environment: { STAGE: CANARY },
  secrets: { token: CANARY },
  files: [{ path: 'a/b', mode: 0o640, base64: Buffer.from(CANARY).toString('base64') }],
};
const AGENTS = ['main', 'side'].map((name) => ({
  ...{ name, startup: null, on_claim: null },
  ...{ startup_timeout_seconds: 60, on_claim_timeout_seconds: 60 },
}));

const logged: string[] = [];
let store: TestStore;
let make: Factory;
let queue: TestQueue;
let pool: TestPool;
let ann: UserId;
let organization: string;

beforeAll(async () => {
  store = await openTestStore(createLineLog(systemClock, (line) => logged.push(line)));
  make = createFactory(store);
  queue = createQueue(store, make);
  await judgeNoAgents(store);
});
afterAll(() => store.close());

beforeEach(async () => {
  await store.sql('delete from owner_values');
  const organizationId = await make.organization();
  const [row] = await store.sql<{ name: string }>('select name from organizations where id = $1', [
    organizationId,
  ]);
  organization = row?.name ?? '';
  ann = await make.user({ organizationId });
  const manifest = { claim: 'instant', agents: AGENTS } as const;
  pool = await make.pool(await make.template({ organizationId, manifest }));
});

/** With agents that are ready. */
async function readyOne(): Promise<WorkspaceId> {
  const [workspaceId] = (await makeReady(store, make, { pool, count: 1 })) as [WorkspaceId];
  for (const { name } of AGENTS) await make.agent(workspaceId, { name, kind: 'program' });
  await store.sql(
    `update agents set lifecycle = 'ready', last_seen_at = standby_now() where workspace_id = $1`,
    [workspaceId],
  );
  return workspaceId;
}

const requestOf = (given: Partial<WorkspaceRequest> = {}): WorkspaceRequest => ({
  ...{ organization, template: pool.name, name: 'demo', preset: pool.presetName, parameters: {} },
  ...{ onEmpty: 'create', ...NO_WAITING, idempotencyKey: undefined, values: VALUES },
  ...given,
});

const ask = (given: Partial<WorkspaceRequest> = {}) =>
  createTestCreator(queue.deps, { proof: UNPROVEN })(
    { userId: ann, isAdmin: false },
    requestOf(given),
  );

const create = async (given: Partial<WorkspaceRequest> = {}): Promise<CreatedWorkspace> =>
  asCreated(await ask(given));

/** A millisecond passes between two exchanges: of two in the same one neither session counts. */
async function exchange(workspaceId: WorkspaceId, name = 'main'): Promise<AgentSessionRow> {
  await store.advanceClock(1);
  const { session } = await openSession(store.kit, store.database, {
    ...{ workspaceId, name },
  });
  const caller = await queue.deps.agents.findSession(hashToken(session).toString('hex'));
  if (caller === undefined) throw new Error('a session that was just opened is good');
  return caller;
}

const beat = (caller: AgentSessionRow, appliedEpoch: number, knownEpoch = appliedEpoch) =>
  serveHeartbeat(queue.deps, caller, {
    ...{ lifecycle: 'ready', appliedEpoch, knownEpoch, waitMs: 0, pollMs: 5 },
    signal: new AbortController().signal,
  });

const fetchValues = (caller: AgentSessionRow) => readAgentValues(queue.deps, caller);

const kept = () => store.sql('select epoch, sealed is not null as is_there from owner_values');

const GONE = { code: 'OWNER_VALUES_GONE' };
const ENDED = { code: 'UNAUTHENTICATED' };

describe('what a new owner gives', () => {
  it('is told to each agent of the prebuilt workspace, and gone when all have taken over', async () => {
    const workspaceId = await readyOne();
    expect(await create()).toMatchObject({ workspaceId, claimed: true });
    const [main, side] = [await exchange(workspaceId), await exchange(workspaceId, 'side')];
    expect(await beat(main, 0)).toMatchObject({ epoch: 1, values: 'given' });
    for (const caller of [main, side]) {
      expect(await fetchValues(caller)).toEqual({
        epoch: 1,
        environment: [{ name: 'STAGE', value: CANARY }],
        secrets: [{ name: 'token', value: CANARY }],
        files: [{ path: 'a/b', mode: '640', content: { base64: VALUES.files[0]?.base64 } }],
      });
    }
    expect(await beat(main, 1)).toMatchObject({ values: 'given' });
    expect(await beat(side, 1)).toMatchObject({ values: 'none' });
    expect(await kept()).toEqual([]);
    await expect(fetchValues(main)).rejects.toMatchObject(GONE);
  });

  it('is gone as well when the last two agents tell at the same time', async () => {
    const workspaceId = await readyOne();
    await create();
    const [main, side] = [await exchange(workspaceId), await exchange(workspaceId, 'side')];
    await Promise.all([beat(main, 1), beat(side, 1)]);
    expect(await kept()).toEqual([]);
  });

  it('waits for the agents of a workspace that is only being built', async () => {
    const { workspaceId, claimed } = await create();
    expect(claimed).toBe(false);
    const caller = await exchange(workspaceId);
    expect(await beat(caller, 0)).toMatchObject({ epoch: 1, values: 'given' });
    expect(await fetchValues(caller)).toMatchObject({ epoch: 1 });
  });

  it('goes with who waits in line to the workspace that is got', async () => {
    const { waiterId } = (await ask({ onEmpty: 'wait' })) as { waiterId: string };
    const workspaceId = await readyOne();
    // No agent of it has been called yet: it is handed over unheard.
    await serveLine(proveDepsOf(queue.deps, UNPROVEN), pool.poolId);
    const caller = await exchange(workspaceId);
    expect((await fetchValues(caller)).secrets).toEqual([{ name: 'token', value: CANARY }]);
    expect(await store.sql('select sealed from waiters where id = $1', [waiterId])).toEqual([
      { sealed: null },
    ]);
  });

  it('is told to the newest session alone', async () => {
    const workspaceId = await readyOne();
    const before = await exchange(workspaceId);
    await create();
    await expect(fetchValues(before)).rejects.toMatchObject(ENDED);
    const stolen = await exchange(workspaceId);
    const own = await exchange(workspaceId);
    await expect(fetchValues(stolen)).rejects.toMatchObject(ENDED);
    expect(await fetchValues(own)).toMatchObject({ epoch: 1 });
  });

  it('is not kept for ever, and is not taken for nothing when it is gone', async () => {
    const workspaceId = await readyOne();
    await create();
    const caller = await exchange(workspaceId);
    await clearOwnerValues(queue.deps, { ownerValuesTimeoutMs: 60_000 });
    expect(await kept()).toEqual([{ epoch: 1, is_there: true }]);
    await store.advanceClock(60_001);
    await clearOwnerValues(queue.deps, { ownerValuesTimeoutMs: 60_000 });
    expect(await kept()).toEqual([{ epoch: 1, is_there: false }]);
    expect(await beat(caller, 0)).toMatchObject({ values: 'expired' });
    await expect(fetchValues(caller)).rejects.toMatchObject(GONE);
  });

  it('does not run out while the workspace is still being built, for a day', async () => {
    const options = { ownerValuesTimeoutMs: 60_000 };
    const { workspaceId } = await create();
    await store.advanceClock(120_000);
    await clearOwnerValues(queue.deps, options);
    expect(await kept()).toEqual([{ epoch: 1, is_there: true }]);
    await store.sql(
      `update jobs j
       set acquired_at = standby_now(), heartbeat_at = standby_now(), attempt = 1,
         completed_at = standby_now(), succeeded = true
       from builds b
       where b.job_id = j.id and b.workspace_id = $1`,
      [workspaceId],
    );
    await clearOwnerValues(queue.deps, options);
    expect(await kept()).toEqual([{ epoch: 1, is_there: true }]);
    await store.advanceClock(60_001);
    await clearOwnerValues(queue.deps, options);
    expect(await kept()).toEqual([{ epoch: 1, is_there: false }]);
  });

  it('runs out after a day although the workspace was never built', async () => {
    await create();
    await store.advanceClock(24 * 60 * 60 * 1000 + 1);
    await clearOwnerValues(queue.deps, { ownerValuesTimeoutMs: 60_000 });
    expect(await kept()).toEqual([{ epoch: 1, is_there: false }]);
  });

  it('goes with its workspace', async () => {
    const workspaceId = await readyOne();
    await create();
    await store.sql('update workspaces set deleted_at = standby_now() where id = $1', [
      workspaceId,
    ]);
    await clearOwnerValues(queue.deps, { ownerValuesTimeoutMs: 60_000 });
    expect(await kept()).toEqual([]);
  });

  it('opens after the key was changed', async () => {
    const workspaceId = await readyOne();
    await create();
    await rotateKeys({ database: store.database, keyring: store.keyring });
    await resealRetired({ ...store.kit, database: store.database, keyring: store.keyring });
    const [row] = await store.sql<{ current: boolean }>(
      `select retired_at is null as current from owner_values join data_keys k on k.id = key_id`,
    );
    expect(row?.current).toBe(true);
    expect(await fetchValues(await exchange(workspaceId))).toMatchObject({ epoch: 1 });
  });

  it('stands nowhere in the database or the log', async () => {
    const workspaceId = await readyOne();
    await create({ idempotencyKey: 'canary' });
    await ask({ name: 'waits', onEmpty: 'wait' });
    await fetchValues(await exchange(workspaceId));
    const tables = await store.sql<{ name: string }>(
      `select table_name as name from information_schema.tables
       where table_schema = current_schema() and table_type = 'BASE TABLE'`,
    );
    expect(tables.length).toBeGreaterThan(20);
    for (const { name } of tables) {
      const found = await store.sql(
        `select from ${name} t where t::text like '%canary-9e2c%'
         or t::text like '%' || encode('canary-9e2c'::bytea, 'hex') || '%'
         or t::text like '%' || encode('canary-9e2c'::bytea, 'base64') || '%'`,
      );
      expect({ name, found: found.length }).toEqual({ name, found: 0 });
    }
    expect(logged.join('')).toContain('owner_values.told');
    expect(JSON.stringify(logged)).not.toContain('canary-9e2c');
  });
});

describe('a request with values', () => {
  it('is another one with others, whatever order they come in', async () => {
    await readyOne();
    const key = { idempotencyKey: 'one' };
    const first = await create(key);
    const more = { ...VALUES, environment: { A: '1', STAGE: CANARY } };
    const otherSecret = { ...VALUES, secrets: { token: 'other' } };
    expect(await create(key)).toMatchObject({ workspaceId: first.workspaceId });
    for (const values of [more, otherSecret, undefined]) {
      await expect(create({ ...key, values })).rejects.toMatchObject({
        code: 'IDEMPOTENCY_KEY_REUSED',
      });
    }
  });

  it('is refused where no agent could hand them over', async () => {
    const { organizationId } = pool;
    pool = await make.pool(await make.template({ organizationId, manifest: { agents: [] } }));
    await expect(create()).rejects.toMatchObject({ code: 'NO_AGENT' });
  });

  it('costs a statement and a transaction more than one without', async () => {
    await readyOne();
    await create({ name: 'first', values: undefined });
    await readyOne();
    const database = countStatements(store.database);
    const counted = createQueue({ ...store, database }, make);
    const by = { userId: ann, isAdmin: false };
    await createTestCreator(counted.deps, { proof: UNPROVEN })(by, requestOf());
    const { statements, transactions } = database.take();
    const taking = statements.indexOf('claim.take_oldest');
    expect(statements.slice(taking, taking + 2)).toEqual([
      'claim.take_oldest',
      'owner_values.insert',
    ]);
    expect(transactions).toBe(1);
  });
});
