import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { JobId } from '../../../src/base/id.ts';
import type { AttemptRef } from '../../../src/jobs/attempt.ts';
import type { LogLine } from '../../../src/jobs/heartbeat-job.ts';
import { createFactory, type Factory } from '../../support/factory.ts';
import { createQueue, type TestQueue } from '../../support/queue.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let queue: TestQueue;
let attempt: AttemptRef;
let jobId: JobId;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  queue = createQueue(store, make);
});
afterAll(() => store.close());

beforeEach(async () => {
  const organizationId = await make.organization();
  const template = await make.template({ organizationId });
  ({ jobId } = await make.version(template));
  attempt = await queue.mustTake(await queue.daemon({}, { organizationId }));
});

const AT = Date.UTC(2026, 0, 2, 8, 0, 0, 123);

function line(seq: number, text = `line ${seq}`): LogLine {
  return { seq, at: AT, level: 'info', line: text };
}

async function stored(): Promise<readonly (readonly [number, string])[]> {
  const rows = await store.sql<{ seq: number; line: string }>(
    'select seq, line from job_logs where job_id = $1 order by attempt, seq',
    [jobId],
  );
  return rows.map((row) => [row.seq, row.line] as const);
}

async function size(): Promise<unknown> {
  const [row] = await store.sql('select log_bytes, log_truncated from jobs where id = $1', [jobId]);
  return row;
}

describe('log lines', () => {
  it('are stored with their time and level, and announced to followers', async () => {
    await queue.heartbeat(attempt, [{ seq: 0, at: AT, level: 'warn', line: 'careful' }]);
    expect(
      await store.sql(
        `select attempt, seq, extract(epoch from at) * 1000 = $2 as exact, level, line
         from job_logs where job_id = $1`,
        [jobId, AT],
      ),
    ).toEqual([{ attempt: 1, seq: 0, exact: true, level: 'warn', line: 'careful' }]);
    expect(store.announced).toContainEqual({ kind: 'job', jobId });
  });

  it('are stored once, however often they are delivered', async () => {
    await queue.heartbeat(attempt, [line(0), line(1)]);
    await queue.heartbeat(attempt, [line(0), line(1), line(2), line(2, 'another')]);
    await Promise.all([
      queue.heartbeat(attempt, [line(2), line(3)]),
      queue.heartbeat(attempt, [line(3), line(2)]),
    ]);
    expect(await stored()).toEqual([
      [0, 'line 0'],
      [1, 'line 1'],
      [2, 'line 2'],
      [3, 'line 3'],
    ]);
    expect(await size()).toEqual({ log_bytes: 4 * (6 + 64), log_truncated: false });
  });

  it('keep what can be stored of any text', async () => {
    await queue.heartbeat(attempt, [
      line(0, 'nul \0, half \ud83d, whole \ud83d\ude00'),
      line(1, ''),
    ]);
    expect(await stored()).toEqual([
      [0, 'nul \ufffd, half \ufffd, whole \ud83d\ude00'],
      [1, ''],
    ]);
  });

  it('survive any time that a daemon may believe it is', async () => {
    await queue.heartbeat(attempt, [{ ...line(0), at: Date.UTC(-1, 0, 1) }, line(1)]);
    expect(await stored()).toHaveLength(2);
  });

  it('end at a limit, without holes, with a last line that says so', async () => {
    const chunk = 'x'.repeat(60_000);
    for (let seq = 0; seq < 17; seq++) await queue.heartbeat(attempt, [line(seq, chunk)]);
    expect(await size()).toEqual({ log_bytes: 17 * 60_064, log_truncated: false });
    const overfull = await queue.heartbeat(attempt, [line(17, chunk), line(18, 'short')]);
    expect(overfull).toEqual({ cancel: false, logFull: true });
    // Delivered again, since the answer was lost; and what still comes.
    await queue.heartbeat(attempt, [line(17, chunk), line(18, 'short')]);
    expect(await queue.heartbeat(attempt, [line(19, 'shorter')])).toEqual(overfull);
    expect(await queue.heartbeat(attempt)).toEqual(overfull);
    const lines = await stored();
    expect(lines.map(([seq]) => seq)).toEqual(Array.from({ length: 18 }, (_, i) => i));
    expect(lines.at(-1)).toEqual([17, 'the log ends here: it has reached its limit of 1MiB']);
    expect(await size()).toEqual({ log_bytes: 17 * 60_064, log_truncated: true });
  });

  it('count the bytes, not the characters, and something for each line', async () => {
    await queue.heartbeat(attempt, [line(0, 'ä€')]);
    expect(await size()).toEqual({ log_bytes: 5 + 64, log_truncated: false });
  });

  it('come to an end even if they are empty', async () => {
    let seq = 0;
    let full = false;
    while (!full) {
      const lines = Array.from({ length: 1_000 }, () => line(seq++, ''));
      ({ logFull: full } = await queue.heartbeat(attempt, lines));
    }
    expect(await stored()).toHaveLength((1024 * 1024) / 64 + 1);
  });
});

describe('a sign of life', () => {
  it('tells the daemon about a cancel, again and again', async () => {
    expect(await queue.heartbeat(attempt)).toEqual({ cancel: false, logFull: false });
    expect(await queue.cancel(jobId)).toBe('canceling');
    expect(await queue.cancel(jobId)).toBe('canceling');
    expect(await queue.heartbeat(attempt)).toEqual({ cancel: true, logFull: false });
    expect(await queue.heartbeat(attempt, [line(0)])).toMatchObject({ cancel: true });
    await queue.complete(attempt, { outcome: 'canceled' });
    expect(await queue.status(jobId)).toMatchObject({ status: 'canceled' });
    expect(await queue.cancel(jobId)).toBe('canceled');
  });

  it('is refused after the end, and stores nothing then', async () => {
    await queue.complete(attempt);
    await expect(queue.heartbeat(attempt, [line(0)])).rejects.toMatchObject({
      code: 'ATTEMPT_STALE',
    });
    expect(await stored()).toEqual([]);
  });
});
