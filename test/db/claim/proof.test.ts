// Proof at hand-over: a claim counts once the agents of what was taken have answered it; where they do not,
// whoever asked gets another one and sees nothing of it.
import { AsyncLocalStorage } from 'node:async_hooks';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/base/clock.ts';
import {
  createId,
  type GroupId,
  type OrganizationId,
  type UserId,
  type WorkspaceId,
} from '../../../src/base/id.ts';
import { hashToken } from '../../../src/base/token.ts';
import type { Manifest } from '../../../src/contract/manifest/schema.ts';
import { insertGroup, insertGroupMember } from '../../../src/store/group.ts';
import { confirmClaims } from '../../../src/store/claim-confirm.ts';
import { lockTakenClaim } from '../../../src/store/claim-proof.ts';
import { createNoticeBus } from '../../../src/store/notice-bus.ts';
import { storeEnforcesQuota } from '../../../src/store/quota.ts';
import { readAgentValues } from '../../../src/workspaces/agent/values.ts';
import { changeWorkspace } from '../../../src/workspaces/change-workspace.ts';
import type { CreatedWorkspace } from '../../../src/workspaces/served.ts';
import { settleUnanswered } from '../../../src/workspaces/settle-claims.ts';
import type { WorkspaceRequest } from '../../../src/workspaces/request.ts';
import { openSession } from '../../support/agent-session.ts';
import {
  AGENTS,
  createAnsweringAgents,
  PATIENT_PROOF,
  type AgentLife,
  type AnsweringAgents,
} from '../../support/answering-agents.ts';
import { asCreated, NO_WAITING } from '../../support/created.ts';
import { countStatements } from '../../support/counted-database.ts';
import { createTestCreator, judgeNoAgents } from '../../support/creator.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { findUnbuiltViolations } from '../../support/pool-invariants.ts';
import { createQueue, type TestQueue } from '../../support/queue.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { doneOf, reconcileNow } from '../../support/reconcile.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

const PROOF = PATIENT_PROOF;

let store: TestStore;
let make: Factory;
let queue: TestQueue;
let organizationId: OrganizationId;
let organization: string;
let pool: TestPool;
let ann: UserId;
let answering: AnsweringAgents;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  queue = createQueue(store, make, { bus: createNoticeBus({ ...store.kit, ...store }) });
  answering = createAnsweringAgents({ store, make }, queue.deps);
});
afterAll(() => store.close());

beforeEach(async () => {
  organizationId = await make.organization();
  const named = 'select name from organizations where id = $1';
  const [row] = await store.sql<{ name: string }>(named, [organizationId]);
  organization = row?.name ?? '';
  ann = await make.user({ organizationId });
  await usePool('instant');
});
afterEach(async () => {
  await answering.end();
  expect(await findUnbuiltViolations(store)).toEqual([]);
});

async function usePool(claim: Manifest['claim'], cost: Manifest['cost'] = null): Promise<void> {
  const manifest = { claim, cost, agents: AGENTS };
  pool = await make.pool(await make.template({ organizationId, manifest }), { desired: 3 });
}

/** Of the pool. */
const ready = (...lives: readonly AgentLife[]): Promise<readonly WorkspaceId[]> =>
  answering.ready(pool, ...lives);

const requestOf = (given: Partial<WorkspaceRequest>): WorkspaceRequest => ({
  ...{ organization, template: pool.name, name: 'demo', preset: pool.presetName, parameters: {} },
  ...{ onEmpty: 'create', ...NO_WAITING, idempotencyKey: undefined },
  ...given,
});

const impatientClock = (): Clock => answering.impatientClock(pool);

const ask = async (given: Partial<WorkspaceRequest> = {}): Promise<CreatedWorkspace> => {
  const create = createTestCreator({ ...queue.deps, clock: impatientClock() }, { proof: PROOF });
  return asCreated(await create({ userId: ann, isAdmin: false }, requestOf(given)));
};

/** As a control plane does that dies once it has taken one, and before its agents have answered. */
async function takeAndDie(given: Partial<WorkspaceRequest> = {}): Promise<void> {
  const dies = (): never => {
    throw new Error('it died');
  };
  const create = createTestCreator({ ...queue.deps, bus: { subscribe: dies } });
  const asked = create({ userId: ann, isAdmin: false }, requestOf(given));
  await expect(asked).rejects.toThrow('it died');
}

/** As every control plane does beside its work, for those that died. */
const sweep = (database = queue.deps.database): Promise<void> =>
  settleUnanswered(
    { ...queue.deps, database },
    { afterMs: 20_000, signal: new AbortController().signal },
  );

/** Claims of the pool in the order in which they were made. */
const claims = () =>
  store.sql<{ workspace_id: string; outcome: string; reason: string | null; stages: string[] }>(
    `select workspace_id, outcome, reason, array(select jsonb_object_keys(stage_ms) order by 1) as stages
     from claims where pool_id = $1 order by at, id`,
    [pool.poolId],
  );

const counted = async (): Promise<Readonly<Record<string, number>>> => {
  const rows = await store.sql<{ counter: string; amount: number }>(
    `select counter, sum(amount)::int as amount from counter_steps
     where template_id = $1 and counter like '%claim%' group by counter`,
    [pool.templateId],
  );
  return Object.fromEntries(rows.map(({ counter, amount }) => [counter, amount]));
};

const HIT = { outcome: 'hit', reason: null, stages: ['prove', 'resolve'] };
const VOID = { ...HIT, outcome: 'void' };

describe('a claim of a workspace with an agent', () => {
  it('is a hit when the agent has answered it', async () => {
    const [workspaceId] = await ready('lives');
    expect(await ask()).toMatchObject({ workspaceId, claimed: true });
    expect(await claims()).toEqual([{ ...HIT, workspace_id: workspaceId }]);
    expect(await counted()).toEqual({ prebuilds_claimed: 1 });
    await expect.poll(() => answering.agents[0]?.epochs).toEqual([1]);
  });

  it('is a hit when the agent has asked for what the owner gave, and before it says more', async () => {
    const [workspaceId] = (await makeReady(store, make, { pool, count: 1 })) as [WorkspaceId];
    const agentId = await make.agent(workspaceId, { name: 'main', kind: 'program' });
    const lives = `update agents set lifecycle = 'ready', last_seen_at = standby_now() where id = $1`;
    await store.sql(lives, [agentId]);
    const { deps } = queue;
    const create = createTestCreator(deps, { proof: PROOF });
    const values = { environment: {}, secrets: { token: 's3cret' }, files: [] };
    const asked = create({ userId: ann, isAdmin: false }, requestOf({ values }));
    await expect
      .poll(async () => (await claims()).map(({ outcome }) => outcome))
      .toEqual(['taken']);
    const named = { workspaceId, name: 'main' };
    const { session } = await openSession(deps, deps.database, named);
    const caller = await deps.agents.findSession(hashToken(session).toString('hex'));
    await readAgentValues(deps, caller!);
    expect(await asked).toMatchObject({ workspaceId, claimed: true });
    const told = `select details->>'proof' as proof from pool_events where pool_id = $1`;
    expect(await store.sql(told, [pool.poolId])).toEqual([{ proof: 'answered' }]);
  });

  it('is looked at once, when the agent has answered', async () => {
    await ready('lives', 'lives');
    const database = countStatements(queue.deps.database);
    const create = createTestCreator({ ...queue.deps, database }, { proof: PROOF });
    const by = { userId: ann, isAdmin: false };
    await create(by, requestOf({ name: 'first' }));
    database.take();
    await create(by, requestOf({ name: 'second' }));
    expect(database.take().statements).toEqual(['claim.take_oldest', 'claim.confirm']);
  });

  it('gives another one when the agent does not answer, and deletes the first', async () => {
    const [dead, alive, spare] = await ready('frozen', 'lives', 'lives');
    const values = { environment: {}, secrets: { token: 's3cret' }, files: [] };
    // What the owner asks for of the first one is taken back with it, too.
    const asked = { values, idempotencyKey: 'k', automaticUpdates: 'always' } as const;
    expect(await ask(asked)).toMatchObject({
      ...{ workspaceId: alive, claimed: true, reason: null },
    });
    expect(await claims()).toEqual([
      { ...VOID, workspace_id: dead },
      { ...HIT, workspace_id: alive },
    ]);
    expect(await counted()).toEqual({ claims_voided: 1, prebuilds_claimed: 1 });
    expect(
      await store.sql(
        'select kind, workspace_id from pool_events where pool_id = $1 order by kind',
        [pool.poolId],
      ),
    ).toEqual([
      { kind: 'claim_voided', workspace_id: dead },
      { kind: 'claimed', workspace_id: alive },
      { kind: 'delete_started', workspace_id: dead },
    ]);
    expect(await store.sql('select from owner_values where workspace_id = $1', [dead])).toEqual([]);
    // The one that was given keeps the name, and the key stands for it.
    expect(await ask(asked)).toMatchObject({ workspaceId: alive });
    expect(
      await store.sql(
        // Begun with the voiding: nobody reconciles the pool here.
        'select w.id from workspaces w join builds b on b.workspace_id = w.id where b.transition = $1',
        ['delete'],
      ),
    ).toEqual([{ id: dead }]);
    expect(
      await store.sql('select workspace_id from pool_members where pool_id = $1 and ready', [
        pool.poolId,
      ]),
    ).toEqual([{ workspace_id: spare }]);
  });

  it('records the time of each stage with the claim that it was for', async () => {
    await ready('frozen', 'lives');
    await ask();
    const recorded = await store.sql<{ resolve: number; prove: number }>(
      `select (stage_ms->>'resolve')::float8 as resolve, (stage_ms->>'prove')::float8 as prove
       from claims where pool_id = $1 order by at, id`,
      [pool.poolId],
    );
    expect(recorded).toHaveLength(2);
    // On its clock the wait for the first one alone took so long.
    for (const { resolve } of recorded) expect(resolve).toBeLessThan(PROOF.timeoutMs);
    for (const { prove } of recorded) expect(Number.isInteger(prove)).toBe(true);
  });

  it('begins its build on what has answered, and on nothing else', async () => {
    await usePool('apply');
    const [dead, alive] = await ready('frozen', 'lives');
    expect(await ask()).toMatchObject({ workspaceId: alive, claimed: true });
    expect(await claims()).toEqual([
      { ...VOID, workspace_id: dead },
      { ...HIT, workspace_id: alive },
    ]);
    expect(
      await store.sql(
        `select workspace_id, number from builds where stage = 'claim' and workspace_id = any ($1)`,
        [[dead, alive]],
      ),
    ).toEqual([{ workspace_id: alive, number: 2 }]);
  });

  it('begins no build where it may not be started any more', async () => {
    await usePool('apply');
    const [workspaceId] = await ready('lives');
    const { database } = queue.deps;
    // What happens meanwhile, while the claim is open.
    const late: typeof database = {
      ...database,
      transaction: async (work, options) => {
        const open = `select from claims where outcome = 'taken' and pool_id = $1`;
        if ((await store.sql(open, [pool.poolId])).length > 0) {
          await store.sql(`update users set status = 'suspended' where id = $1`, [ann]);
        }
        return database.transaction(work, options);
      },
    };
    const create = createTestCreator({ ...queue.deps, database: late }, { proof: PROOF });
    const asked = create({ userId: ann, isAdmin: false }, requestOf({}));
    await expect(asked).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect((await claims()).map((one) => [one.workspace_id, one.outcome])).toEqual([
      [workspaceId, 'void'],
    ]);
    const builds = `select from builds where workspace_id = $1 and stage = 'claim'`;
    expect(await store.sql(builds, [workspaceId])).toEqual([]);
  });

  it('begins no build where the owner stops it at the same moment', async () => {
    await usePool('apply');
    const [workspaceId] = (await ready('lives')) as [WorkspaceId];
    const { database } = queue.deps;
    const by = { userId: ann, isAdmin: false };
    let stopped: Promise<unknown> | undefined;
    let hasStopped = false;
    // It goes its own way beside the transaction in which it is begun.
    const beside = AsyncLocalStorage.snapshot();
    const stop = (): Promise<unknown> =>
      changeWorkspace(queue.deps, by, { id: workspaceId, transition: 'stop' })
        .catch((error: unknown) => error)
        .finally(() => (hasStopped = true));
    const late: typeof database = {
      ...database,
      transaction: (work, options) =>
        database.transaction(
          (tx) =>
            work({
              ...tx,
              query: async (query) => {
                const answer = await tx.query(query);
                if (query.name === 'claim.confirm') {
                  stopped ??= beside(stop);
                  // It has begun its build, or waits for this one.
                  const waiting = `select from pg_stat_activity
                    where datname = current_database() and wait_event_type = 'Lock'`;
                  await expect
                    .poll(async () => hasStopped || (await store.sql(waiting)).length > 0)
                    .toBe(true);
                }
                return answer;
              },
            }),
          options,
        ),
    };
    const create = createTestCreator({ ...queue.deps, database: late }, { proof: PROOF });
    expect(await create(by, requestOf({}))).toMatchObject({ workspaceId, claimed: true });
    expect(await stopped).toMatchObject({ code: 'BUILD_IN_PROGRESS' });
  });

  it('is a miss after three that did not answer, and takes no fourth', async () => {
    const ids = await ready('frozen', 'frozen', 'frozen', 'frozen');
    await expect(ask({ onEmpty: 'fail', idempotencyKey: 'k' })).rejects.toMatchObject({
      code: 'POOL_EMPTY',
    });
    const made = await ask({ idempotencyKey: 'k2' });
    // What was void counts as the pool's no more.
    expect(made).toMatchObject({ claimed: false, reason: 'empty' });
    const recorded = await claims();
    expect(recorded.map(({ workspace_id, outcome }) => [workspace_id, outcome])).toEqual([
      ...ids.slice(0, 3).map((id) => [id, 'void']),
      [null, 'miss'],
      [ids[3], 'void'],
      [made.workspaceId, 'miss'],
    ]);
  });

  it('is handed over unproven when the agent could not hear of it', async () => {
    const [workspaceId] = await ready('deaf', 'deaf', 'deaf');
    expect(await ask()).toMatchObject({ workspaceId, claimed: true });
    expect(await claims()).toEqual([{ ...HIT, workspace_id: workspaceId }]);
    expect(await counted()).toEqual({ prebuilds_claimed: 1 });
    const told = `select details->>'proof' as proof from pool_events where pool_id = $1`;
    expect(await store.sql(told, [pool.poolId])).toEqual([{ proof: 'unheard' }]);
  });

  it('counts as no failed build when it is void, so that nothing holds its pool back', async () => {
    const ids = await ready('frozen', 'frozen', 'frozen');
    await store.sql(
      `insert into pool_brakes (pool_id, preset_id, judged_since)
       values ($1, $2, standby_now() - interval '1 day')`,
      [pool.poolId, pool.presetId],
    );
    await store.sql(
      `insert into judged_builds
         (pool_id, workspace_id, preset_id, created_at, completed_at, failed)
       select $1, b.workspace_id, b.preset_id, b.created_at, j.completed_at, false
       from builds b
       join jobs j on j.id = b.job_id
       where b.workspace_id = any ($2)`,
      [pool.poolId, ids],
    );
    expect(await ask()).toMatchObject({ claimed: false });
    const outcome = await reconcileNow(store, pool.poolId);
    expect(doneOf(outcome)).toEqual(['pool.created 3']);
    const limited = 'select limited_at from pool_brakes where pool_id = $1';
    expect(await store.sql(limited, [pool.poolId])).toEqual([{ limited_at: null }]);
  });

  it('is not judged by silence after time in which nothing could be heard', async () => {
    const [workspaceId] = await ready('frozen');
    await judgeNoAgents(store);
    try {
      expect(await ask()).toMatchObject({ workspaceId, claimed: true });
    } finally {
      await store.sql('delete from watches');
    }
    expect(await claims()).toEqual([{ ...HIT, workspace_id: workspaceId }]);
  });

  it('spends nothing on what was void', async () => {
    await storeEnforcesQuota.run(store.database, { organizationId, enforced: true });
    const id = createId<GroupId>(store.kit);
    const group = { id, organizationId, name: 'payers', displayName: '', allowance: 2_400 };
    await insertGroup.one(store.database, group);
    await insertGroupMember.run(store.database, { id, userId: ann });
    await usePool('instant', { hourly: 1, currency: 'EUR' });
    const [, alive] = await ready('frozen', 'lives');
    expect(await ask()).toMatchObject({ workspaceId: alive, claimed: true });
  });
});

describe('requests with one idempotency key', () => {
  it('wait for the same agent, and are all given the same workspace', async () => {
    const [dead, alive, spare] = await ready('frozen', 'lives', 'lives');
    const request = (): Promise<CreatedWorkspace> => ask({ idempotencyKey: 'k' });
    // Of several at once another one than the next in order may be first: the next is held by who loses the key.
    const asked = [request()];
    await expect.poll(claims, { interval: 1 }).not.toHaveLength(0);
    asked.push(...Array.from({ length: 15 }, request));
    const answers = await Promise.all(asked);
    const given = [...new Set(answers.map(({ workspaceId }) => workspaceId))];
    expect(given).toHaveLength(1);
    expect([alive, spare]).toContain(given[0]);
    expect((await claims()).map(({ workspace_id: id, outcome }) => [id, outcome])).toEqual([
      [dead, 'void'],
      [given[0], 'hit'],
    ]);
  });
});

describe('a claim whose agents answer at the last moment', () => {
  it.each(['k', undefined])('stays with who asked, with the key %s', async (idempotencyKey) => {
    const [workspaceId] = await ready('frozen', 'lives');
    const { database } = queue.deps;
    // What another request with the key does, or the sweep, once it was decided to take it back.
    const racing: typeof database = {
      ...database,
      transaction: async (work, options) => {
        const hit = `update claims set outcome = 'hit' where outcome = 'taken' and pool_id = $1`;
        await store.sql(hit, [pool.poolId]);
        return database.transaction(work, options);
      },
    };
    const deps = { ...queue.deps, database: racing, clock: impatientClock() };
    const create = createTestCreator(deps, { proof: PROOF });
    const answer = await create({ userId: ann, isAdmin: false }, requestOf({ idempotencyKey }));
    expect(answer).toMatchObject({ workspaceId, claimed: true });
    expect((await claims()).map(({ outcome }) => outcome)).toEqual(['hit']);
  });
});

describe('a control plane that dies before the answer', () => {
  it('leaves what is void as soon as somebody looks, and its name is free', async () => {
    const [first, second] = await ready('frozen', 'lives');
    await takeAndDie();
    await sweep();
    // For its own time-out it may be about to come back.
    await store.advanceClock(20_001);
    await sweep();
    expect((await claims()).map(({ outcome }) => outcome)).toEqual(['taken']);
    await store.advanceClock(60_001);
    const heard: string[] = [];
    queue.deps.bus.subscribe('owner', (hint) => {
      if (hint.kind === 'owner') heard.push(hint.workspaceId);
    });
    await Promise.all([1, 2].map(() => sweep()));
    expect(await claims()).toEqual([{ ...VOID, workspace_id: first }]);
    // Another agent of it may live, and serve whom it was taken from.
    expect(heard).toEqual([first]);
    await store.sql('update agents set last_seen_at = standby_now() where workspace_id = $1', [
      second,
    ]);
    expect(await ask()).toMatchObject({ workspaceId: second });
  });

  it.each(['instant', 'apply'] as const)(
    'is made up for by the same request to another one, as %s',
    async (claim) => {
      await usePool(claim);
      const [dead, alive] = await ready('frozen', 'lives');
      await takeAndDie({ idempotencyKey: 'k' });
      expect(await ask({ idempotencyKey: 'k' })).toMatchObject({ workspaceId: alive });
      expect(await claims()).toEqual([
        { ...VOID, workspace_id: dead },
        { ...HIT, workspace_id: alive },
      ]);
    },
  );

  it('takes nothing from the one that goes on, if the agent lives', async () => {
    const [workspaceId] = await ready('lives');
    await takeAndDie({ idempotencyKey: 'k' });
    expect(await ask({ idempotencyKey: 'k' })).toMatchObject({ workspaceId, claimed: true });
    expect(await claims()).toEqual([{ ...HIT, workspace_id: workspaceId }]);
  });

  it('leaves hits where the agents live, as soon as somebody looks', async () => {
    const ids = await ready('lives', 'lives', 'lives');
    for (const name of ['a', 'b', 'c']) await takeAndDie({ name });
    // They have called again with what they were told.
    const answered = `
      select from agents a
      join agent_sessions s on s.agent_id = a.id and s.ended_at is null and s.epoch = 1
      where a.workspace_id = any ($1) and a.last_seen_at >= s.created_at`;
    await expect.poll(() => store.sql(answered, [ids])).toHaveLength(3);
    await store.advanceClock(20_001);
    await sweep();
    expect(await claims()).toEqual(ids.map((id) => ({ ...HIT, workspace_id: id })));
    expect(await counted()).toEqual({ prebuilds_claimed: 3 });
  });

  it('leaves void what lacks a build of the request, even where the agent lives', async () => {
    await usePool('apply');
    const [workspaceId] = await ready('lives');
    await takeAndDie();
    await expect.poll(() => answering.agents[0]?.epochs).toEqual([1]);
    await store.advanceClock(20_001);
    await sweep();
    expect(await claims()).toEqual([{ ...VOID, workspace_id: workspaceId }]);
  });

  it('leaves one that cannot be settled behind, and none of the others', async () => {
    const [first, second] = await ready('frozen', 'frozen');
    for (const name of ['a', 'b']) await takeAndDie({ name });
    await store.advanceClock(60_001);
    const { database } = queue.deps;
    let times = 0;
    await sweep({
      ...database,
      transaction: (work) => {
        if (times++ === 0) throw new Error('it failed');
        return database.transaction(work);
      },
    });
    expect((await claims()).map(({ workspace_id: id, outcome }) => [id, outcome])).toEqual([
      [first, 'taken'],
      [second, 'void'],
    ]);
    await sweep();
    expect((await claims()).map(({ outcome }) => outcome)).toEqual(['void', 'void']);
  });

  it('leaves who has found the workspace and uses it what they have', async () => {
    const [workspaceId] = (await ready('lives')) as [WorkspaceId];
    await takeAndDie();
    const by = { userId: ann, isAdmin: false };
    await changeWorkspace(queue.deps, by, { id: workspaceId, transition: 'stop' });
    await store.advanceClock(60_001);
    await sweep();
    expect(await claims()).toEqual([{ ...HIT, workspace_id: workspaceId }]);
    expect(await store.sql('select owner_id from workspaces where id = $1', [workspaceId])).toEqual(
      [{ owner_id: ann }],
    );
  });
});

describe('settling a claim', () => {
  it.each([confirmClaims, lockTakenClaim])(
    'looks for it by its workspace: $name',
    async ({ text }) => {
      const [workspaceId] = await ready('lives');
      await ask();
      await store.sql('begin');
      try {
        await store.sql(
          `insert into claims
           (id, organization_id, template_id, user_id, pool_id, workspace_id, epoch, outcome, stage_ms, at)
         select gen_random_uuid(), organization_id, template_id, user_id, pool_id, workspace_id, 1000 + n,
           'hit', '{}', at
         from claims, generate_series(1, 5000) as n where workspace_id = $1`,
          [workspaceId],
        );
        await store.sql('analyze claims');
        const rows = await store.sql<{ 'QUERY PLAN': string }>(`explain (generic_plan) ${text}`);
        const plan = rows.map((row) => row['QUERY PLAN']).join(' ');
        expect(plan).toContain('claims_workspace_id_epoch_key');
        expect(plan).not.toContain('claims_taken_idx');
      } finally {
        await store.sql('rollback');
      }
    },
  );
});
