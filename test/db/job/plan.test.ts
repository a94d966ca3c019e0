// How PostgreSQL goes about handing out jobs and ending them, on connections that a control plane keeps.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createId,
  type AcquireCallId,
  type OrganizationId,
  type UserId,
} from '../../../src/base/id.ts';
import type { Transaction } from '../../../src/store/database.ts';
import { takeJobsAndCreations, takeJobsOfOne } from '../../../src/store/job-acquire.ts';
import { finishLoneJobs } from '../../../src/store/job-finish-lone.ts';
import { createFactory } from '../../support/factory.ts';
import { createQueue } from '../../support/queue.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

const RUNNING = 200;
const ORGANIZATIONS = 20;

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

/** Rows of jobs that were read on the connection of a transaction, since some time. */
async function rowsRead(tx: Transaction): Promise<number> {
  const { rows } = await tx.query({
    name: 'test.rows_read',
    text: `select (seq_tup_read + idx_tup_fetch)::int
           from pg_stat_xact_user_tables where relname = 'jobs'`,
    values: [],
  });
  return rows[0]?.[0] as number;
}

/** As a daemon's slots give it. */
const offerOf = (slots: number) => ({
  organizationId,
  drivers: ['null'],
  tags: '{}',
  protocolVersion: 2,
  machineIds: Array.from({ length: slots }, () => 'machine'),
  machineBoundDrivers: [],
  callIds: Array.from({ length: slots }, () => createId<AcquireCallId>(store.kit)),
});

describe('a look of one daemon', () => {
  it('reads no more jobs than it takes, however many wait', async () => {
    const queue = createQueue(store, createFactory(store));
    const daemon = await queue.daemon({}, { organizationId });
    await insertJobs(5_000, 2);
    await insertJobs(5_000, 3);
    await store.sql('analyze jobs, daemons');
    const read = await store.database.transaction(async (tx) => {
      const before = await rowsRead(tx);
      const { handed } = await takeJobsOfOne.one(tx, {
        ...daemon,
        ...offerOf(2),
      });
      expect(handed).toHaveLength(2);
      return (await rowsRead(tx)) - before;
    });
    // To pick, to write, and where it is looked whether anything else waits.
    expect(read).toBeLessThan(20);
  });
});

describe('a look for creations', () => {
  it('that was planned before there were any jobs reads none that has ended', async () => {
    const queue = createQueue(store, createFactory(store));
    const daemon = await queue.daemon({}, { organizationId });
    const args = {
      ...offerOf(1),
      daemonIds: [daemon.daemonId],
      keyIds: [daemon.keyId],
      incarnations: [daemon.incarnation],
      creationsOf: [organizationId],
      maxCreations: 3,
    };
    const read = await store.database.transaction(async (tx) => {
      expect((await takeJobsAndCreations.one(tx, args)).handed).toEqual([]);
      await insertJobs(500, 4);
      await store.sql('update jobs set completed_at = standby_now(), succeeded = true');
      await insertJobs(1, 4);
      const before = await rowsRead(tx);
      expect((await takeJobsAndCreations.one(tx, args)).handed).toHaveLength(1);
      return (await rowsRead(tx)) - before;
    });
    expect(read).toBeLessThan(20);
  });
});

describe('a look for creations', () => {
  it('reads those of each organization that may be handed out, and not all of all for each', async () => {
    const make = createFactory(store);
    const queue = createQueue(store, make);
    const daemon = await queue.daemon({}, { organizationId });
    const creationsOf: OrganizationId[] = [];
    for (let n = 0; n < ORGANIZATIONS; n++) {
      organizationId = await make.organization();
      creationsOf.push(organizationId);
      await insertJobs(100, 4);
    }
    await store.sql(
      `update jobs set completed_at = standby_now(), succeeded = true
       where id in (select id from jobs order by hashtext(id::text) limit $1)`,
      [80 * ORGANIZATIONS],
    );
    await store.sql('vacuum analyze jobs');
    const read = await store.database.transaction(async (tx) => {
      const before = await rowsRead(tx);
      const { handed } = await takeJobsAndCreations.one(tx, {
        ...{ ...offerOf(1), organizationId: null, maxCreations: 3, creationsOf },
        ...{ daemonIds: [daemon.daemonId], keyIds: [daemon.keyId] },
        incarnations: [daemon.incarnation],
      });
      expect(handed).toHaveLength(1);
      return (await rowsRead(tx)) - before;
    });
    // What waits, at most once.
    expect(read).toBeLessThan(1.5 * 20 * ORGANIZATIONS);
  });
});

describe('results', () => {
  it('do not each go through all that the daemon does', async () => {
    const queue = createQueue(store, createFactory(store));
    const daemon = await queue.daemon({}, { organizationId });
    await insertJobs(RUNNING, 2);
    // PostgreSQL has last counted when nothing ran.
    await store.sql('analyze jobs, daemons');
    const attempts = await Promise.all(
      Array.from({ length: RUNNING }, () => queue.mustTake(daemon)),
    );
    const reported = attempts.slice(0, 5);
    const read = await store.database.transaction(async (tx) => {
      const before = await rowsRead(tx);
      const ended = await finishLoneJobs.all(tx, {
        ids: reported.map(({ jobId }) => jobId),
        attempts: reported.map(({ attempt }) => attempt),
        daemonIds: reported.map(() => daemon.daemonId),
        keyIds: reported.map(() => daemon.keyId),
        incarnations: reported.map(() => daemon.incarnation),
        succeeded: reported.map(() => true),
        canceled: reported.map(() => false),
        errors: reported.map(() => null),
        errorCodes: reported.map(() => null),
      });
      expect(ended.map(({ isFinished }) => isFinished)).toEqual(reported.map(() => true));
      return (await rowsRead(tx)) - before;
    });
    expect(read).toBeGreaterThan(0);
    // At most all jobs once, not once for each result.
    expect(read).toBeLessThan(1.5 * RUNNING);
  });
});
