// How PostgreSQL goes about handing out jobs, on a connection that a control plane keeps.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OrganizationId, UserId } from '../../../src/base/id.ts';
import type { Database } from '../../../src/store/database.ts';
import { createFactory } from '../../support/factory.ts';
import { createQueue, type TestDaemon } from '../../support/queue.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

/** PostgreSQL weighs the plan of a statement against a lasting one from the sixth time on. */
const TIMES = 10;

let store: TestStore;
let organizationId: OrganizationId;
let ownerId: UserId;

beforeEach(async () => {
  store = await openTestStore();
  const make = createFactory(store);
  organizationId = await make.organization();
  ownerId = await make.user({ organizationId });
});
afterEach(() => store.close());

async function insertJobs(count: number, jobClass: number): Promise<void> {
  await store.sql(
    `insert into jobs (id, type, organization_id, driver, initiator_id, class, created_at)
     select gen_random_uuid(), 'template_version_import', $1, 'null', $2, $4, standby_now()
     from generate_series(1, $3::integer)`,
    [organizationId, ownerId, count, jobClass],
  );
}

interface Plans {
  /** How often the lasting plan ran. */
  readonly kept: number;
  readonly made: number;
}

async function plansOf(database: Database, name: string): Promise<Plans> {
  const { rows } = await database.query({
    name: 'test.plans',
    text: `select generic_plans::int, custom_plans::int
           from pg_prepared_statements where name = $1`,
    values: [name],
  });
  const [kept, made] = rows[0] as readonly [number, number];
  return { kept, made };
}

interface Case {
  readonly look: string;
  readonly machines: readonly string[];
  readonly jobClass: number;
}

describe('a look for jobs', () => {
  it.each<Case>([
    { look: 'job.take_here', machines: ['a', 'a'], jobClass: 2 },
    { look: 'job.take', machines: ['a', 'b'], jobClass: 2 },
    { look: 'job.take_creations', machines: ['a', 'b'], jobClass: 4 },
  ])(
    'is planned once, however many jobs and daemons there are: $look',
    async ({ look, machines, jobClass }) => {
      const database = store.open(1);
      const queue = createQueue({ ...store, database }, createFactory(store));
      const daemons: TestDaemon[] = [];
      for (const machineId of machines) {
        daemons.push(await queue.daemon({ machineId }, { organizationId }));
      }
      await store.sql(
        `insert into daemons (id, key_id, organization_id, name, machine_id, drivers, slots, version,
           protocol_version, registered_at, last_seen_at)
         select gen_random_uuid(), key_id, organization_id, name, machine_id, drivers, slots, version,
           protocol_version, registered_at, last_seen_at
         from daemons
         cross join generate_series(1, 500)
         where id = $1`,
        [daemons[0]!.daemonId],
      );
      await insertJobs(20_000, jobClass);
      await store.sql('analyze jobs, daemons');
      for (let time = 0; time < TIMES; time++) {
        const slots = daemons.flatMap((daemon) =>
          Array.from({ length: 1 + (time % 4) }, () => daemon),
        );
        await Promise.all(slots.map((daemon) => queue.mustTake(daemon)));
      }
      const { made, kept } = await plansOf(database, look);
      expect(made).toBe(5);
      expect(kept).toBeGreaterThan(0);
    },
  );
});
