// The look before the chores: with nothing to do none of them asks for anything, and none is left out that has.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPruner } from '../../../src/jobs/pruner.ts';
import { createReaper } from '../../../src/jobs/reaper.ts';
import type { Service } from '../../../src/base/service.ts';
import type { Database } from '../../../src/store/database.ts';
import { findIdlePruning, findIdleReaping } from '../../../src/store/idle-chores.ts';
import type { Executor } from '../../../src/store/statement.ts';
import { countStatements } from '../../support/counted-database.ts';
import { DAY_MS, layHistoryGround, type HistoryGround } from './ground.ts';

const RETENTIONS = { logRetentionMs: 30 * DAY_MS, retentionMs: 30 * DAY_MS };
const MONTH_AGO = `standby_now() - interval '31 days'`;

let ground: HistoryGround;
beforeAll(async () => {
  ground = await layHistoryGround();
});
afterAll(() => ground.store.close());

const findPruning = async (on: Executor): Promise<readonly string[]> =>
  (await findIdlePruning.one(on, RETENTIONS)).idle;
const findReaping = async (on: Executor): Promise<readonly string[]> =>
  (await findIdleReaping.one(on, { drivers: ['null'] })).idle;

/** What is idle once the statement has run, of which nothing is left afterwards. */
const idleAfter = (
  text: string,
  find: (on: Executor) => Promise<readonly string[]>,
): Promise<readonly string[]> =>
  ground.store.database.transaction(
    async (tx) => {
      const { rowCount } = await tx.query({ name: '', text, values: [] });
      expect(rowCount).toBe(1);
      return find(tx);
    },
    { mode: 'dry_run' },
  );

const endedJob = (set: string): string => `
  update jobs
  set created_at = ${MONTH_AGO}, acquired_at = ${MONTH_AGO}, heartbeat_at = ${MONTH_AGO},
    completed_at = ${MONTH_AGO}, ${set}
  where id = (
    select id from jobs where acquired_at is not null and completed_at is not null limit 1)`;

const PRUNING = [
  ...['logs', 'idempotency_keys', 'waiters', 'announcements', 'history', 'pool_events'],
  'statistics', // statistics.test.ts has what it is due for: that comes with commits alone
];
const TO_PRUNE: readonly (readonly [chore: string, what: string, sql: string])[] = [
  ['logs', 'a job that ended long ago', endedJob('log_pruned_at = null')],
  [
    'idempotency_keys',
    'a key that counts no more',
    `insert into idempotency_keys (user_id, key, body_hash, workspace_id, created_at)
     select u.id, 'k', sha256('x'), w.id, standby_now() - interval '24 hours'
     from workspaces w, users u limit 1`,
  ],
  [
    'waiters',
    'somebody who waited yesterday',
    `insert into waiters (id, organization_id, template_id, pool_id, user_id, name, priority,
       parameters, miss_reason, created_at, deadline_at, ended_at, outcome)
     select gen_random_uuid(), l.organization_id, l.template_id, l.id, u.id, 'demo', 0, '{}', 'empty',
       standby_now() - interval '26 hours', standby_now() - interval '25 hours',
       standby_now() - interval '25 hours', 'timed_out'
     from pools l, users u limit 1`,
  ],
  [
    'announcements',
    'an announcement of long ago',
    `insert into announcements
       (id, kind, organization_id, subject_id, details, created_at, delivered_at)
     select gen_random_uuid(), 'claim_replaced', organization_id, id, '{}', ${MONTH_AGO}, ${MONTH_AGO}
     from pools`,
  ],
  [
    'history',
    'a workspace that was deleted long ago',
    `update workspaces set created_at = ${MONTH_AGO}, deleted_at = ${MONTH_AGO}
     where id = (select id from workspaces limit 1)`,
  ],
  [
    'history',
    'a rehearsal that ended long ago',
    endedJob(`type = 'rehearsal', log_pruned_at = standby_now()`),
  ],
  [
    'history',
    'a miss of long ago',
    `insert into claims
       (id, organization_id, template_id, user_id, pool_id, outcome, reason, stage_ms, at)
     select gen_random_uuid(), l.organization_id, l.template_id, u.id, l.id, 'miss', 'empty', '{}',
       ${MONTH_AGO}
     from pools l, users u limit 1`,
  ],
  [
    'pool_events',
    'a pool event of long ago',
    `insert into pool_events (id, pool_id, kind, details, at)
     select '00000000-0000-7000-8000-000000000009', id, 'created', '{}', ${MONTH_AGO} from pools`,
  ],
];

const REAPING = ['overruns', 'strays', 'canaries', 'rehearsals', 'secrets', 'owner_values', 'keys'];
const TO_REAP: readonly (readonly [chore: string, what: string, sql: string])[] = [
  [
    'overruns',
    'a job that runs',
    `update jobs set completed_at = null, succeeded = false
     where id = (select id from jobs where type = 'workspace_build' limit 1)`,
  ],
  [
    'rehearsals',
    'a preset that was not rehearsed',
    `update template_versions set manifest = manifest || '{"rehearsal": "report"}'
     where id = (select active_version_id from templates limit 1)`,
  ],
  [
    'strays',
    'a stray state',
    `insert into stray_states
       (id, workspace_id, lock_number, incarnation, sequence, key_id, sealed, created_at)
     select gen_random_uuid(), l.workspace_id, l.number, 1, 1, k.id, 'x', standby_now()
     from state_locks l, data_keys k limit 1`,
  ],
  [
    'canaries',
    'a canary',
    `insert into canaries (workspace_id, preset_id)
     select workspace_id, preset_id from pool_members limit 1`,
  ],
  [
    'canaries',
    'a rehearsal that has not ended',
    `insert into rehearsals (preset_id, workspace_id)
     select preset_id, workspace_id from pool_members limit 1`,
  ],
  [
    'secrets',
    'sealed parameters',
    `insert into secret_parameters (id, workspace_id, names, key_id, sealed, created_at)
     select gen_random_uuid(), m.workspace_id, array['token'], k.id, 'x', standby_now()
     from pool_members m, data_keys k limit 1`,
  ],
  [
    'owner_values',
    'what an owner gave',
    `insert into owner_values (workspace_id, epoch, key_id, sealed, created_at)
     select m.workspace_id, 1, k.id, 'x', standby_now() from pool_members m, data_keys k limit 1`,
  ],
  ['keys', 'a key that was retired', 'update data_keys set retired_at = standby_now()'],
];

describe('the look before the pruning', () => {
  it('finds nothing to do where nothing is old', async () => {
    expect(await findPruning(ground.store.database)).toEqual(PRUNING);
  });

  it.each(TO_PRUNE)('has %s done for %s', async (chore, _what, sql) => {
    const others = PRUNING.filter((name) => name !== chore);
    expect(await idleAfter(sql, findPruning)).toEqual(others);
  });
});

describe('the look before the reaping', () => {
  it('finds nothing to do where there is nothing of the kind', async () => {
    expect(await findReaping(ground.store.database)).toEqual(REAPING);
  });

  it.each(TO_REAP)('has %s done for %s', async (chore, _what, sql) => {
    const others = REAPING.filter((name) => name !== chore);
    expect(await idleAfter(sql, findReaping)).toEqual(others);
  });
});

describe('a round of the chores where there is nothing to do', () => {
  /** The statements of the first round: the next one is an hour away. */
  const askedBy = async (
    start: (database: Database) => Service,
    last: string,
  ): Promise<readonly string[]> => {
    const database = countStatements(ground.store.database);
    const service = start(database);
    const asked: string[] = [];
    await service.start();
    await expect
      .poll(() => asked.push(...database.take().statements) > 0 && asked.at(-1))
      .toBe(last);
    await service.stop('test', 5_000);
    return [...asked, ...database.take().statements];
  };
  const intervalMs = 60 * 60 * 1000;

  it('asks once what there is to prune', async () => {
    const { kit } = ground.store;
    const prune = (database: Database): Service =>
      createPruner(
        { ...kit, database },
        { intervalMs, logRetentionMs: 30 * DAY_MS, historyRetentionMs: 30 * DAY_MS },
      );
    const look = 'chore.find_idle_pruning';
    expect(await askedBy(prune, look)).toEqual([look]);
  });

  it('asks once what there is to reap beside what must be looked at in time', async () => {
    const { kit, keyring } = ground.store;
    const reap = (database: Database): Service =>
      createReaper(
        { ...kit, database, keyring },
        {
          intervalMs,
          deadAfterMs: 30_000,
          unservedAfterMs: 60_000,
          agentTimeoutMs: 60_000,
          ownerValuesTimeoutMs: 60_000,
          maxRunTimeMs: {
            workspace_build: DAY_MS,
            template_version_import: DAY_MS,
            rehearsal: DAY_MS,
            stray_cleanup: DAY_MS,
          },
          killGraceMs: 60_000,
        },
      );
    const asked = await askedBy(reap, 'job.find_revoked');
    const leftOut = /^(stray_state|canary|rehearsal|secret_parameters|owner_values|data_key)\./;
    expect(asked.filter((name) => leftOut.test(name))).toEqual([]);
    expect(asked).toContain('chore.find_idle_reaping');
  });
});
