// A claim whose agents have to answer, of a template that changes between the taking and the answer.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/base/clock.ts';
import type { OrganizationId, UserId, WorkspaceId } from '../../../src/base/id.ts';
import type { Database } from '../../../src/store/database.ts';
import { findTemplate } from '../../../src/store/template.ts';
import { deprecateTemplate } from '../../../src/templates/deprecate-template.ts';
import { changeWorkspace } from '../../../src/workspaces/change-workspace.ts';
import type { CreatedWorkspace } from '../../../src/workspaces/served.ts';
import { openSession } from '../../support/agent-session.ts';
import { asCreated, NO_WAITING } from '../../support/created.ts';
import { createTestCreator } from '../../support/creator.ts';
import { ANSWERED } from '../../support/crowd-agents.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { makeNextVersion, promote } from '../../support/next-version.ts';
import { OPERATOR } from '../../support/plays.ts';
import { findUnbuiltViolations } from '../../support/pool-invariants.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

const ORGANIZATION = 'changing';
/** In a few looks. */
const PROOF = { timeoutMs: 1_000, pollMs: 1_000 };
const WAYS = ['instant', 'apply'] as const;
const KEY = { idempotencyKey: 'k' };

let store: TestStore;
let make: Factory;
let organizationId: OrganizationId;
let ann: UserId;
let pool: TestPool;
let id: WorkspaceId;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  organizationId = await make.organization(ORGANIZATION);
});
afterAll(() => store.close());

beforeEach(async () => {
  ann = await make.user({ organizationId });
});
afterEach(async () => {
  expect(await findUnbuiltViolations(store)).toEqual([]);
});

/** With one prebuild, whose agents have all answered by the time that anybody looks. */
async function usePool(claim: (typeof WAYS)[number]): Promise<void> {
  const template = await make.template({ organizationId, manifest: { claim, ...ANSWERED } });
  pool = await make.pool(template);
  [id] = (await makeReady(store, make, { pool, count: 1 })) as [WorkspaceId];
}

/** On which every wait is over at once. */
function impatientClock(): Clock {
  const { clock } = store.kit;
  let waitedMs = 0;
  return {
    ...clock,
    monotonicMs: () => clock.monotonicMs() + waitedMs,
    sleep: (ms) => {
      waitedMs += ms;
      return Promise.resolve();
    },
  };
}

/** A control plane's, in which something happens once a claim is taken, and before anybody looks for answers. */
function amid(change: () => Promise<unknown>): Database {
  const { database } = store;
  let changed: Promise<unknown> | undefined;
  const afterTaking = async (): Promise<void> => {
    const taken = `select from claims where pool_id = $1 and outcome = 'taken'`;
    if ((await store.sql(taken, [pool.poolId])).length > 0) await (changed ??= change());
  };
  return {
    ...database,
    query: async (query) => {
      await afterTaking();
      return database.query(query);
    },
    transaction: async (work, options) => {
      await afterTaking();
      return database.transaction(work, options);
    },
  };
}

interface Asked {
  readonly idempotencyKey?: string;
  /** How a claim's agents are waited for. */
  readonly clock?: Clock;
}

async function ask(
  database: Database,
  { idempotencyKey, clock }: Asked = {},
): Promise<CreatedWorkspace> {
  const { kit, keyring } = store;
  const create =
    clock === undefined
      ? createTestCreator({ ...kit, clock: impatientClock(), database, keyring }, { proof: PROOF })
      : createTestCreator({ ...kit, clock, database, keyring });
  const request = {
    ...{ organization: ORGANIZATION, template: pool.name, preset: pool.presetName, name: 'demo' },
    ...{ parameters: {}, onEmpty: 'create' as const, ...NO_WAITING, idempotencyKey },
  };
  return asCreated(await create({ userId: ann, isAdmin: false }, request));
}

const dies = (): Promise<never> => Promise.reject(new Error('it died'));

async function deprecate(): Promise<void> {
  const template = (await findTemplate(store.database, organizationId, pool.name))!;
  await store.database.transaction((tx) =>
    deprecateTemplate(store.kit, tx, { template, by: OPERATOR, message: 'use another one' }),
  );
}

const outcomes = async (): Promise<readonly string[]> => {
  const rows = await store.sql<{ outcome: string }>(
    'select outcome from claims where pool_id = $1 order by at, id',
    [pool.poolId],
  );
  return rows.map(({ outcome }) => outcome);
};

/** Of a workspace, by their versions. */
const buildsOf = (workspaceId: WorkspaceId) =>
  store.sql(
    `select b.number, b.transition, b.stage, v.number as version
     from builds b join template_versions v on v.id = b.version_id
     where b.workspace_id = $1 order by b.number`,
    [workspaceId],
  );
const FIRST = { number: 1, transition: 'start', stage: 'create' };
const HANDED_OVER = { number: 2, transition: 'start', stage: 'claim' };
const DELETED = { number: 2, transition: 'delete', stage: 'none' };

describe.each(WAYS)('a claim (%s) amid a promotion', (claim) => {
  beforeEach(() => usePool(claim));

  it('is of the version that was active when it was taken', async () => {
    const other = claim === 'apply' ? 'instant' : 'apply';
    await makeNextVersion({ store, make }, pool, { manifest: { claim: other } });
    const created = await ask(amid(() => promote(store, pool)));
    expect(created).toMatchObject({ workspaceId: id, claimed: true });
    expect(await outcomes()).toEqual(['hit']);
    expect(await buildsOf(id)).toEqual([
      { ...FIRST, version: 1 },
      ...(claim === 'apply' ? [{ ...HANDED_OVER, version: 1 }] : []),
    ]);
  });

  it.each(WAYS)('and the death of who took it is void, where the new one is %s', async (next) => {
    const manifest = { claim: next };
    const newer = await makeNextVersion({ store, make }, pool, { manifest });
    await expect(ask(amid(dies), KEY)).rejects.toThrow('it died');
    await promote(store, pool);
    const [second] = (await makeReady(store, make, { pool: newer, count: 1 })) as [WorkspaceId];
    expect(await ask(store.database, KEY)).toMatchObject({ workspaceId: second, claimed: true });
    expect(await outcomes()).toEqual(['void', 'hit']);
    expect(await buildsOf(id)).toEqual([
      { ...FIRST, version: 1 },
      { ...DELETED, version: 1 },
    ]);
    expect(await buildsOf(second)).toEqual([
      { ...FIRST, version: 2 },
      ...(next === 'apply' ? [{ ...HANDED_OVER, version: 2 }] : []),
    ]);
  });

  it('is given to the same request, too, that another control plane judges by the new one', async () => {
    await makeNextVersion({ store, make }, pool);
    const [first, again] = await askTwice(() => promote(store, pool));
    expect(first).toMatchObject({ workspaceId: id, claimed: true });
    expect(again).toMatchObject({ workspaceId: id, claimed: true });
    expect(await outcomes()).toEqual(['hit']);
  });
});

/** The same request again, which finds what the first one took, and after the change. */
async function askTwice(
  change: () => Promise<unknown>,
): Promise<readonly [CreatedWorkspace, CreatedWorkspace]> {
  let again: Promise<CreatedWorkspace> | undefined;
  const first = await ask(
    amid(async () => {
      await change();
      await new Promise<void>((resolve) => {
        again = ask(firstLook(resolve), { ...KEY, clock: store.kit.clock });
        again.catch(resolve);
      });
    }),
    KEY,
  );
  return [first, await again!];
}

/** Says when it has looked at what was taken, and found it unsettled. */
function firstLook(tell: () => void): Database {
  const { database } = store;
  const LOOKS = ['claim.confirm', 'claim.find_outcome'];
  return {
    ...database,
    query: async (query) => {
      const answer = await database.query(query);
      if (LOOKS.includes(query.name)) tell();
      return answer;
    },
    transaction: (work, options) =>
      database.transaction(work, options).then((answer) => {
        tell();
        return answer;
      }),
  };
}

describe.each([
  ['TEMPLATE_DEPRECATED', deprecate],
  ['PRESET_UNKNOWN', () => promote(store, pool)],
])('a claim amid what makes the same request end as %s', (code, change) => {
  beforeEach(async () => {
    await usePool('instant');
    await makeNextVersion({ store, make }, pool, { name: null });
  });

  it('is given to that request, too, once the first one has the answers', async () => {
    const [first, again] = await askTwice(change);
    expect(first).toMatchObject({ workspaceId: id, claimed: true });
    expect(again).toMatchObject({ workspaceId: id, claimed: true });
  });

  it('and the death of who took it is void', async () => {
    await expect(ask(amid(dies), KEY)).rejects.toThrow('it died');
    await change();
    await expect(ask(store.database, KEY)).rejects.toMatchObject({ code });
    expect(await outcomes()).toEqual(['void']);
  });

  it('and the death of who took it is given to whose it is in use by already', async () => {
    await expect(ask(amid(dies), KEY)).rejects.toThrow('it died');
    // Its owner has found it in the list.
    const owner = { userId: ann, isAdmin: false };
    const deps = { ...store.kit, database: store.database };
    await changeWorkspace(deps, owner, { id, transition: 'stop' });
    await change();
    expect(await ask(store.database, KEY)).toMatchObject({ workspaceId: id, claimed: true });
  });

  it('is void when its agents do not answer', async () => {
    const agentId = await make.agent(id, { name: 'main', kind: 'program' });
    await store.sql(
      `update agents set lifecycle = 'ready', last_seen_at = standby_now() - interval '1 s' where id = $1`,
      [agentId],
    );
    const asked = ask(
      amid(async () => {
        await openSession(store.kit, store.database, { workspaceId: id, name: 'main' });
        await change();
      }),
    );
    await expect(asked).rejects.toMatchObject({ code });
    expect(await outcomes()).toEqual(['void']);
  });
});
