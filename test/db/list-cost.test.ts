// What lists read: about a page, whatever they are asked for, and however much there is that is something else's.
// Asked on a connection of the control plane's, whose plans may know no values.
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { OrganizationId, UserId } from '../../src/base/id.ts';
import type { Database } from '../../src/store/database.ts';
import { listJobs } from '../../src/store/job-view.ts';
import type { Executor } from '../../src/store/statement.ts';
import { PREBUILDS_USER_ID } from '../../src/store/system-user.ts';
import { listWaiters } from '../../src/store/waiter.ts';
import { listWorkspaces } from '../../src/store/workspace.ts';
import { createFactory } from '../support/factory.ts';
import { openTestStore, type TestStore } from '../support/store.ts';

/** Workspaces, most of them the pools', each with a job; and as many who waited. */
const MANY = 8_000;
const TEMPLATES = 20;
const PEOPLE = 5;
/** Of each of them. */
const OWN = 30;
const PENDING = 3;
const LIMIT = 11;

let store: TestStore;
let database: Database;
let organizationId: OrganizationId;
let ann: UserId;

beforeAll(async () => {
  store = await openTestStore();
  const make = createFactory(store);
  organizationId = await make.organization();
  for (let n = 0; n < TEMPLATES; n++) await make.pool(await make.template({ organizationId }));
  await store.sql(
    `update templates set name = 'first' where name = (select min(name) from templates)`,
  );
  for (let n = 0; n < PEOPLE; n++) ann = await make.user({ organizationId });
  await store.sql(`update users set username = 'ann' where id = $1`, [ann]);
  // As they come and go: whose they are has nothing to do with their ids.
  await store.sql(
    `with preset as (
       select p.id, p.pool_id, p.version_id, l.template_id, row_number() over () - 1 as place
       from presets p
       join pools l on l.id = p.pool_id
     ), person as (
       select id, row_number() over () - 1 as place from users where not is_system
     ), made as materialized (
       select preset.*, coalesce(person.id, $2) as owner_id, person.id is not null as claimed, n,
         gen_random_uuid() as workspace_id, gen_random_uuid() as job_id
       from generate_series(0, $3::integer - 1) as n
       join preset on preset.place = n % $4
       left join person on n < $5 and person.place = n % $6
     ), workspace as (
       insert into workspaces (id, organization_id, owner_id, template_id, name, origin, pool_id,
         epoch, created_at, updated_at, last_used_at)
       select workspace_id, $1, owner_id, template_id, 'w-' || n, 'prebuild', pool_id,
         claimed::integer, standby_now(), standby_now(), standby_now()
       from made
     ), job as (
       insert into jobs (id, type, organization_id, driver, initiator_id, class, created_at,
         acquired_at, heartbeat_at, completed_at, attempt, succeeded)
       select job_id, 'workspace_build', $1, 'null', owner_id, 4, standby_now(),
         ended.at, ended.at, ended.at, (ended.at is not null)::integer, ended.at is not null
       from made
       cross join lateral (select case when n >= $7 then standby_now() end as at) as ended
     ), waiter as (
       insert into waiters (id, organization_id, template_id, pool_id, user_id, name, priority,
         parameters, miss_reason, created_at, deadline_at, ended_at, outcome)
       select gen_random_uuid(), $1, template_id, pool_id, owner_id, 'w-' || n, 0, '{}', 'empty',
         standby_now(), standby_now() + interval '1 minute', standby_now(), 'timed_out'
       from made
     )
     insert into builds (id, workspace_id, number, transition, version_id, preset_id, initiator_id,
       reason, stage, job_id, created_at)
     select gen_random_uuid(), workspace_id, 1, 'start', version_id, id, owner_id, 'prebuild',
       'create', job_id, standby_now()
     from made`,
    [...[organizationId, PREBUILDS_USER_ID, MANY, TEMPLATES], ...[PEOPLE * OWN, PEOPLE, PENDING]],
  );
  await store.sql('analyze');
  database = store.open(1);
}, 60_000);
afterAll(() => store.close());

/** How many it lists, and how many rows of all tables are read for that. */
async function ask(
  list: (on: Executor) => Promise<readonly unknown[]>,
): Promise<{ readonly listed: number; readonly read: number }> {
  return database.transaction(async (tx) => {
    const before = await rowsRead(tx);
    const { length: listed } = await list(tx);
    return { listed, read: (await rowsRead(tx)) - before };
  });
}

async function rowsRead(tx: Executor): Promise<number> {
  const { rows } = await tx.query({
    name: 'test.rows_read',
    text: `select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int from pg_stat_xact_user_tables`,
    values: [],
  });
  return rows[0]?.[0] as number;
}

type Given = Readonly<Record<string, unknown>>;

/** Of each list: what stands for nothing in particular, and how it is asked. */
const LISTS = {
  workspaces: (on: Executor, given: Given) =>
    listWorkspaces.all(on, {
      ...{ ownerId: null, name: null, template: null, before: null, limit: LIMIT },
      ...given,
    }),
  waiters: (on: Executor, given: Given) =>
    listWaiters.all(on, {
      ...{ ownerId: null, name: null, template: null, state: null, before: null, limit: LIMIT },
      ...given,
    }),
  jobs: (on: Executor, given: Given) =>
    listJobs(on, { organizationId, status: null, before: null, limit: LIMIT, ...given }),
};

/** Of one in the middle. */
const middle =
  (table: string, of = 'true') =>
  async (): Promise<string> => {
    const [row] = await store.sql<{ id: string }>(
      `select id from ${table} where ${of} order by id
     offset (select count(*) / 2 from ${table} where ${of}) limit 1`,
    );
    return row!.id;
  };
const anns = (column: string): string =>
  `${column} = (select id from users where username = 'ann')`;

interface Asked {
  readonly list: keyof typeof LISTS;
  readonly given: Readonly<Record<string, string | (() => Promise<string>)>>;
  readonly listed?: number;
}

const ownerId = () => Promise.resolve(ann);
const name = async (): Promise<string> => {
  const [row] = await store.sql<{ name: string }>(
    `select name from workspaces where ${anns('owner_id')} order by id limit 1`,
  );
  return row!.name;
};
const before = middle('workspaces');
const ASKED: readonly Asked[] = [
  { list: 'workspaces', given: {} },
  { list: 'workspaces', given: { before } },
  { list: 'workspaces', given: { ownerId } },
  { list: 'workspaces', given: { ownerId, before: middle('workspaces', anns('owner_id')) } },
  { list: 'workspaces', given: { ownerId, name }, listed: 1 },
  { list: 'workspaces', given: { template: 'first' } },
  { list: 'workspaces', given: { template: 'first', before } },
  { list: 'waiters', given: {} },
  { list: 'waiters', given: { before: middle('waiters') } },
  { list: 'waiters', given: { ownerId } },
  { list: 'waiters', given: { ownerId, before: middle('waiters', anns('user_id')) } },
  { list: 'waiters', given: { ownerId, name }, listed: 1 },
  { list: 'waiters', given: { template: 'first' } },
  { list: 'jobs', given: {} },
  { list: 'jobs', given: { before: middle('jobs') } },
  { list: 'jobs', given: { status: 'pending' }, listed: PENDING },
  { list: 'jobs', given: { status: 'running' }, listed: 0 },
  { list: 'jobs', given: { status: 'succeeded' } },
  { list: 'jobs', given: { status: 'succeeded', before: middle('jobs') } },
];
const titleOf = ({ given }: Asked): string =>
  Object.entries(given)
    .map(([key, value]) => (typeof value === 'string' ? `${key} ${value}` : key))
    .join(', ') || 'nothing';

it.each(ASKED.map((asked) => [asked.list, titleOf(asked), asked] as const))(
  '%s by %s',
  async (_list, _by, { list, given, listed = LIMIT }) => {
    const args: Record<string, string> = {};
    for (const [key, value] of Object.entries(given)) {
      args[key] = typeof value === 'string' ? value : await value();
    }
    const asked = await ask((on) => LISTS[list](on, args));
    expect(asked.listed).toBe(listed);
    // Small tables that are joined to it are read whole.
    expect(asked.read).toBeLessThan(MANY / 4);
  },
);
