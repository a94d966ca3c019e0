// The table of job statuses: derived by the database, and impossible rows refused by it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobStatus } from '../../../src/domain/job/job.ts';
import { createFactory } from '../../support/factory.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let organizationId: string;

beforeAll(async () => {
  store = await openTestStore();
  organizationId = await createFactory(store).organization();
});
afterAll(() => store.close());

interface Times {
  readonly acquired: boolean;
  readonly canceled: boolean;
  readonly completed: boolean;
  readonly error: boolean;
  readonly succeeded: boolean;
}

/** The status of a row with these times, or the constraint that refuses it. */
async function insert(times: Times, attempt = times.acquired ? 1 : 0): Promise<string> {
  const at = (isSet: boolean): string => (isSet ? 'standby_now()' : 'null');
  try {
    const [row] = await store.sql<{ status: JobStatus }>(
      `insert into jobs (id, type, organization_id, driver, initiator_id, class, created_at, attempt,
         acquired_at, heartbeat_at, canceled_at, completed_at, error, error_code, succeeded)
       select gen_random_uuid(), 'workspace_build', $1, 'null', id, 2, standby_now(), $2,
         ${at(times.acquired)}, ${at(times.acquired)}, ${at(times.canceled)}, ${at(times.completed)},
         $3::text, $3::text, $4
       from users where is_system
       returning status`,
      [organizationId, attempt, times.error ? 'broke' : null, times.succeeded],
    );
    return row!.status;
  } catch (error) {
    return (error as { constraint: string }).constraint;
  }
}

/** Section 3 of the rules, read from the top; undefined: no such row may exist. */
function expected(times: Times): JobStatus | undefined {
  const { acquired, canceled, completed, error, succeeded } = times;
  if (completed) {
    if (error) return succeeded ? undefined : 'failed';
    if (succeeded) return 'succeeded';
    return canceled ? 'canceled' : undefined;
  }
  if (error || succeeded) return undefined;
  if (canceled) return acquired ? 'canceling' : undefined;
  return acquired ? 'running' : 'pending';
}

const bits = [false, true];
const rows = bits.flatMap((completed) =>
  bits.flatMap((error) =>
    bits.flatMap((canceled) =>
      bits.flatMap((acquired) =>
        bits.map((succeeded): Times => ({ acquired, canceled, completed, error, succeeded })),
      ),
    ),
  ),
);

describe('the status of a job', () => {
  it.each(rows)('is what its times make it: %o', async (times) => {
    const status = expected(times);
    const found = await insert(times);
    if (status === undefined) expect(found).toMatch(/^jobs_\w+_check$/);
    else expect(found).toBe(status);
  });

  it('covers every combination', () => {
    expect(rows).toHaveLength(32);
    const statuses = new Set(rows.map(expected));
    expect([...statuses].sort()).toEqual([
      'canceled',
      'canceling',
      'failed',
      'pending',
      'running',
      'succeeded',
      undefined,
    ]);
  });

  const running: Times = {
    acquired: true,
    canceled: false,
    completed: false,
    error: false,
    succeeded: false,
  };

  it('is never written by hand', async () => {
    const write = store.sql(`update jobs set status = 'failed'`);
    await expect(write).rejects.toMatchObject({ code: '428C9' });
  });

  it.each([
    ['an acquired job without an attempt', 'jobs_acquired_check', () => insert(running, 0)],
    [
      'a daemon without an acquisition',
      'jobs_daemon_check',
      () =>
        refusal(`update jobs set daemon_id = (select id from daemons limit 1)
                 where status = 'pending'`),
    ],
    [
      'an acquired job without a heartbeat',
      'jobs_heartbeat_check',
      () => refusal(`update jobs set heartbeat_at = null where status = 'running'`),
    ],
    [
      'an error without a code',
      'jobs_error_code_check',
      () => refusal(`update jobs set error_code = null where status = 'failed'`),
    ],
    ['an unknown class', 'jobs_class_check', () => refusal(`update jobs set class = 5`)],
    ['a negative attempt', 'jobs_attempt_check', () => insert({ ...running, acquired: false }, -1)],
  ])('%s is refused', async (_, constraint, attempt) => {
    const make = createFactory(store);
    await make.daemon({ keyId: await make.key() });
    await insert(running);
    await insert({ ...running, acquired: false });
    await insert({ ...running, completed: true, error: true });
    expect(await attempt()).toBe(constraint);
  });

  async function refusal(text: string): Promise<string> {
    return store.sql(text).then(
      () => 'accepted',
      (error: unknown) => (error as { constraint: string }).constraint,
    );
  }
});
