// What agents ask with each sign of life, and each end of a build, is planned once on a connection that a control plane
// keeps: to plan it takes longer than to run it.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createId, type AgentId, type WorkspaceId } from '../../../src/base/id.ts';
import { replaceAgentSession } from '../../../src/store/agent.ts';
import type { Database } from '../../../src/store/database.ts';
import { lockMembers } from '../../../src/store/live-pool/member.ts';
import { refreshLocked } from '../../../src/store/live-pool/readiness.ts';
import { recordSignsOfLife, renewSignsOfLife } from '../../../src/store/sign-of-life.ts';
import { createFactory } from '../../support/factory.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

/** PostgreSQL weighs the plan of a statement against a lasting one from the sixth time on. */
const TIMES = 10;

let store: TestStore;
let workspaceId: WorkspaceId;
let agentId: AgentId;

beforeAll(async () => {
  store = await openTestStore();
  const make = createFactory(store);
  const pool = await make.pool(await make.template({ organizationId: await make.organization() }));
  for (workspaceId of await makeReady(store, make, { pool, count: 30 })) {
    agentId = await make.agent(workspaceId, { name: 'main', kind: 'program' });
  }
  // As under a crowd, whose members come and go: where there are many pages, one look-up promises to be cheaper than ten.
  await store.sql(
    `do $$ begin for n in 1..100 loop update pool_members set version_id = version_id; end loop; end $$`,
  );
  await store.sql('analyze');
});
afterAll(() => store.close());

const said = () => ({
  ...{ agentIds: [agentId], lifecycles: ['ready' as const] },
  ...{ appliedEpochs: [0], appliedOks: [true] },
});

it.each<readonly [string, (database: Database) => Promise<unknown>]>([
  ['pool_member.lock', (database) => lockMembers.all(database, { workspaceIds: [workspaceId] })],
  [
    'pool_member.derive_readiness',
    (database) => database.transaction((tx) => refreshLocked(tx, [workspaceId])),
  ],
  ['agent.renew_signs_of_life', (database) => renewSignsOfLife.all(database, said())],
  ['agent.record_signs_of_life', (database) => recordSignsOfLife.all(database, said())],
  [
    'agent_session.replace',
    (database) =>
      replaceAgentSession.one(database, {
        ...{ workspaceId, name: 'main', nextId: createId(store.kit) },
        nextHash: Buffer.from(store.kit.rng.bytes(32)),
      }),
  ],
])('%s', async (name, run) => {
  const database = store.open(1);
  for (let time = 0; time < TIMES; time++) await run(database);
  const { rows } = await database.query({
    name: 'test.plans',
    text: 'select generic_plans::int from pg_prepared_statements where name = $1',
    values: [name],
  });
  expect(rows).toEqual([[TIMES - 5]]);
});
