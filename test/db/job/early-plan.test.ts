// The end of a build by plans of a new installation's first minute, which a connection keeps: it reads the rows that it
// is about, however many there are by then.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import '../../../src/jobs/end-builds.ts';
import { KEPT_PER_POOL } from '../../../src/store/judged-build.ts';
import { registeredStatements } from '../../../src/store/statement.ts';
import { planEarly, type EarlyPlans } from '../../support/early-plans.ts';
import { createFactory } from '../../support/factory.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

const BUILDS = 60;
const NAMES = [
  ...['workspace.lock_built', 'workspace.lock_free_built', 'job.lock', 'job.lock_free'],
  ...['build.finish', 'judged_build.record', 'pool_member.finish_build'],
];

let store: TestStore;
let plans: EarlyPlans<string>;
let args: Readonly<Record<string, string>>;

beforeAll(async () => {
  store = await openTestStore();
  const statements = registeredStatements().filter(({ name }) => NAMES.includes(name));
  plans = await planEarly(store, Object.fromEntries(statements.map((one) => [one.name, one])));
  const make = createFactory(store);
  const pool = await make.pool(await make.template({ organizationId: await make.organization() }));
  const other = await make.pool(await make.template({ organizationId: pool.organizationId }));
  for (const workspaceId of await makeReady(store, make, { pool, count: BUILDS })) {
    await make.agent(workspaceId, { name: 'main', kind: 'check' });
  }
  const [first] = await store.sql<Record<string, string>>(
    `select j.id as job, b.id as build, b.workspace_id as workspace
     from builds b join jobs j on j.id = b.job_id
     order by j.id limit 1`,
  );
  const { job = '', build = '', workspace = '' } = first ?? {};
  for (const { poolId, presetId } of [pool, other]) {
    await store.sql(
      `insert into judged_builds (pool_id, workspace_id, preset_id, created_at, completed_at, failed)
       select $1, gen_random_uuid(), $2, standby_now() - interval '1 day', standby_now(), false
       from generate_series(1, $3::integer)`,
      [poolId, presetId, KEPT_PER_POOL],
    );
  }
  args = {
    ...{ buildIds: `{${build}}`, workspaceIds: `{${workspace}}`, jobIds: `{${job}}` },
    ...{ machineIds: '{machine}', succeeded: '{t}', canceled: '{f}', errors: '{null}' },
    ...{ errorCodes: '{null}', transitions: '{start}', outputs: '{"{}"}', resources: '{"[]"}' },
    ...{ secretOutputs: '{null}', secretOutputsKeyIds: '{null}', runs: '{t}', failed: '{f}' },
    ...{ poolIds: `{${pool.poolId}}`, kept: String(KEPT_PER_POOL) },
  };
}, 60_000);
afterAll(() => store.close());

describe('planned while the tables were empty', () => {
  it.each(NAMES)('%s reads what it is about', async (name) => {
    const ids = name.startsWith('workspace') ? args['workspaceIds'] : args['jobIds'];
    await store.sql('begin');
    const { judged_builds: judged = 0, ...touched } = await plans.touched(name, {
      ...args,
      ids: ids ?? '',
    });
    await store.sql('rollback');
    expect(Object.keys(touched)).not.toEqual([]);
    for (const [table, rows] of Object.entries(touched)) {
      // Found, and written.
      expect([table, rows <= 4]).toEqual([table, true]);
    }
    // Those of its pool, and what is too old.
    expect(judged).toBeLessThanOrEqual(KEPT_PER_POOL + 4);
  });
});
