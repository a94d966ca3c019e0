// Every state that the latest build of a prebuild can be in, in a version that is active or not, of a
// template that was deleted or not: eight passes over each. What is expected is written out here by the
// rules, not by the code that decides.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobResult } from '../../../src/domain/job/job.ts';
import { createBuilder, FAILED, SUCCEEDED, type Builder } from '../../support/builder.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { doneOf, reconcileNow } from '../../support/reconcile.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { PREBUILDS_USER_ID } from '../../../src/store/system-user.ts';

const PASSES = 8;
const TRANSITIONS = ['start', 'stop', 'delete'] as const;
const STATUSES = ['pending', 'running', 'canceling', 'canceled', 'succeeded', 'failed'] as const;
const CANCELED: JobResult = { outcome: 'canceled' };

type Transition = (typeof TRANSITIONS)[number];
type Status = (typeof STATUSES)[number];

interface Case {
  readonly transition: Transition;
  readonly status: Status;
  readonly isActive: boolean;
  readonly isDeleted: boolean;
}

let store: TestStore;
let make: Factory;
let builder: Builder;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  builder = createBuilder(store);
});
afterAll(() => store.close());

/** A pool of one with one prebuild in it, whose latest build is as the case says. */
async function prepare({ transition, status, isActive, isDeleted }: Case): Promise<TestPool> {
  const organizationId = await make.organization();
  const template = await make.template({ organizationId });
  const pool = await make.pool(template, { desired: 0 });
  // From its first turn on failures are judged.
  await reconcileNow(store, pool.poolId);
  await store.sql('update presets set desired_instances = 1 where id = $1', [pool.presetId]);
  const first = await make.prebuild(pool);
  let { jobId } = first;
  if (transition !== 'start') {
    await builder.take({ poolId: pool.poolId });
    await builder.finish(jobId, SUCCEEDED);
    ({ jobId } = await make.nextBuild(pool, first, {
      transition,
      initiatorId: PREBUILDS_USER_ID,
    }));
  }
  if (status !== 'pending') await builder.take({ poolId: pool.poolId });
  if (status === 'canceling' || status === 'canceled') {
    await store.sql('update jobs set canceled_at = standby_now() where id = $1', [jobId]);
  }
  const results: Partial<Record<Status, JobResult>> = {
    canceled: CANCELED,
    succeeded: SUCCEEDED,
    failed: FAILED,
  };
  const result = results[status];
  if (result !== undefined) await builder.finish(jobId, result);
  if (!isActive) {
    const { versionId } = await make.version(template, { active: true });
    await make.pool({ ...pool, versionId }, { name: pool.presetName, desired: 1 });
  }
  if (isDeleted) {
    await store.sql('update templates set deleted_at = standby_now() where id = $1', [
      template.templateId,
    ]);
  }
  return pool;
}

/** What the eight passes do together. */
function expected({ transition, status, isActive, isDeleted }: Case): readonly string[] {
  const isWanted = isActive && !isDeleted;
  const isRunning = transition === 'start' && status === 'succeeded';
  const isStarting = transition === 'start' && (status === 'pending' || status === 'running');
  // The failure of a start of the preset that is to be filled opens a window, which outlasts the passes.
  const isHeldBack = isWanted && transition === 'start' && status === 'failed';
  const isReplaced = isWanted && !isRunning && !isStarting && !isHeldBack;
  return [
    ...(!isWanted && transition === 'start' && status === 'pending' ? ['pool.canceled 1'] : []),
    ...(!isWanted && isRunning ? ['pool.deleting 1 inactive'] : []),
    // The other version’s preset, which is the active one, is filled beside it.
    ...(isReplaced || (!isActive && !isDeleted) ? ['pool.created 1'] : []),
  ].sort();
}

const CASES = TRANSITIONS.flatMap((transition) =>
  STATUSES.flatMap((status) =>
    [true, false].flatMap((isActive) =>
      [true, false].map((isDeleted): Case => ({ transition, status, isActive, isDeleted })),
    ),
  ),
);

describe('eight passes over a pool of one', () => {
  it.each(CASES)(
    'whose $transition is $status, active $isActive, deleted $isDeleted',
    async (given) => {
      const pool = await prepare(given);
      const done: string[] = [];
      for (let pass = 0; pass < PASSES; pass++) {
        const outcome = await reconcileNow(store, pool.poolId);
        done.push(...doneOf(outcome).filter((text) => text !== 'idle'));
      }
      expect(done.sort()).toEqual(expected(given));
      const [counts] = await store.sql(
        `select count(*) filter (where b.transition = 'delete')::int as deletes,
           count(*) filter (where b.number = 1)::int as starts
         from builds b join workspaces w on w.id = b.workspace_id where w.pool_id = $1`,
        [pool.poolId],
      );
      const has = (what: string): number => (done.some((text) => text.startsWith(what)) ? 1 : 0);
      expect(counts).toEqual({
        deletes:
          (given.transition === 'delete' ? 1 : 0) + has('pool.deleting') + has('pool.canceled'),
        starts: 1 + has('pool.created'),
      });
    },
  );
});
