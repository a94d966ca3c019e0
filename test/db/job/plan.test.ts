// How PostgreSQL goes about handing out jobs, on a connection that a control plane keeps.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OrganizationId, UserId } from '../../../src/base/id.ts';
import type { Database } from '../../../src/store/database.ts';
import { createFactory } from '../../support/factory.ts';
import { createQueue } from '../../support/queue.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

/** PostgreSQL weighs the plan of a statement against a lasting one from the sixth time on. */
const TIMES = 10;

let store: TestStore;
let organizationId: OrganizationId;
let ownerId: UserId;

beforeAll(async () => {
  store = await openTestStore();
  const make = createFactory(store);
  organizationId = await make.organization();
  ownerId = await make.user({ organizationId });
});
afterAll(() => store.close());

async function insertJobs(count: number): Promise<void> {
  await store.sql(
    `insert into jobs (id, type, organization_id, driver, initiator_id, class, created_at)
     select gen_random_uuid(), 'template_version_import', $1, 'null', $2, 2, standby_now()
     from generate_series(1, $3::integer)`,
    [organizationId, ownerId, count],
  );
}

async function plansOf(database: Database, name: string): Promise<unknown> {
  const { rows } = await database.query({
    name: 'test.plans',
    text: `select generic_plans::int, custom_plans::int
           from pg_prepared_statements where name = $1`,
    values: [name],
  });
  return rows[0];
}

describe('a look for jobs', () => {
  it('is planned once, however many jobs and daemons there are', async () => {
    const database = store.open(1);
    const make = createFactory(store);
    const queue = createQueue({ ...store, database }, make);
    const daemon = await queue.daemon({}, { organizationId });
    await store.sql(
      `insert into daemons (id, key_id, organization_id, name, machine_id, drivers, slots, version,
         protocol_version, registered_at, last_seen_at)
       select gen_random_uuid(), key_id, organization_id, name, machine_id, drivers, slots, version,
         protocol_version, registered_at, last_seen_at
       from daemons
       cross join generate_series(1, 500)`,
    );
    await insertJobs(20_000);
    await store.sql('analyze jobs, daemons');
    for (let time = 0; time < TIMES; time++) {
      await Promise.all(Array.from({ length: 1 + (time % 4) }, () => queue.mustTake(daemon)));
    }
    expect(await plansOf(database, 'job.take')).toEqual([TIMES - 5, 5]);
  });
});
