// A job's log from the daemon's heartbeats to those who follow it.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createJobHandlers } from '../../../src/api/job/handlers.ts';
import type { OrganizationId, UserId } from '../../../src/base/id.ts';
import { followJobLog, type JobLogEvent } from '../../../src/client/job-log.ts';
import { jobRoutes } from '../../../src/contract/job/route.ts';
import type { AttemptRef } from '../../../src/jobs/attempt.ts';
import type { LogLine } from '../../../src/jobs/heartbeat-job.ts';
import { createNoticeBus, type NoticeBus } from '../../../src/store/notice-bus.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { createQueue, FAILED, type TestQueue } from '../../support/queue.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { startStoreApi, type StoreApi } from '../../support/store-api.ts';

let store: TestStore;
let make: Factory;
let queue: TestQueue;
let bus: NoticeBus;
let api: StoreApi;
let organizationId: OrganizationId;
let userId: UserId;
let pool: TestPool;
let attempt: AttemptRef;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  queue = createQueue(store, make);
  bus = createNoticeBus({ ...store.kit, database: store.database });
  await bus.start();
  const deps = { ...store.kit, database: store.database, bus };
  // Nothing is found by looking now and then: a test that is not told waits for ever.
  api = await startStoreApi(store, createJobHandlers(deps, { pollMs: 3_600_000 }));
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await bus.stop('test', 5_000);
  await store.close();
});

beforeEach(async () => {
  organizationId = await make.organization();
  userId = await make.user({ organizationId });
  pool = await make.pool(await make.template({ organizationId }));
  await make.version(pool);
  attempt = await queue.mustTake(await queue.daemon({}, { organizationId }));
});

const line = (seq: number): LogLine => ({ seq, at: 0, level: 'info', line: `line ${seq}` });
const textOf = ({ event, data }: JobLogEvent): string =>
  event === 'line' ? data.line : `(${data.status})`;

function follow(from = api, after?: string): AsyncGenerator<JobLogEvent, void, undefined> {
  const { signal } = new AbortController();
  const deps = { ...store.kit, client: from.as(userId) };
  return followJobLog(deps, attempt.jobId, { after, signal });
}

async function collect(events: AsyncIterable<JobLogEvent>): Promise<readonly string[]> {
  const texts: string[] = [];
  for await (const event of events) texts.push(textOf(event));
  return texts;
}

async function next(events: AsyncGenerator<JobLogEvent, void, undefined>): Promise<string> {
  const { value } = await events.next();
  return textOf(value!);
}

describe('a follower of a log', () => {
  it('gets what is there, what comes, and how the job ended', async () => {
    await queue.heartbeat(attempt, [line(0), line(1)]);
    const events = follow();
    expect([await next(events), await next(events)]).toEqual(['line 0', 'line 1']);
    const third = next(events);
    await queue.heartbeat(attempt, [line(2)]);
    expect(await third).toBe('line 2');
    const end = events.next();
    await queue.complete(attempt, FAILED);
    expect(await end).toMatchObject({
      value: {
        data: { status: 'failed', error: 'it broke', error_code: 'exit_1', truncated: false },
      },
    });
    expect(await events.next()).toMatchObject({ done: true });
  });

  it('gets every line of a long log once and in order, from wherever it comes back', async () => {
    const lines = Array.from({ length: 950 }, (_, seq) => line(seq));
    await queue.heartbeat(attempt, lines);
    await queue.complete(attempt);
    const whole = await collect(follow());
    expect(whole).toEqual([...lines.map((each) => each.line), '(succeeded)']);
    expect(await collect(follow(api, '1.948'))).toEqual(['line 949', '(succeeded)']);
    expect(await collect(follow(api, '1.949'))).toEqual(['(succeeded)']);
  });

  it('loses nothing and gets nothing twice while servers come and go and lines come', async () => {
    const deps = { ...store.kit, database: store.database, bus };
    const handlers = createJobHandlers(deps, { pollMs: 3_600_000 });
    let server = await startStoreApi(store, handlers);
    const port = Number(new URL(server.url).port);
    const followed = collect(follow(server));
    for (let round = 0; round < 4; round += 1) {
      await queue.heartbeat(
        attempt,
        [0, 1, 2].map((i) => line(round * 3 + i)),
      );
      await server.server.stop('test', 5_000);
      server = await startStoreApi(store, handlers, port);
    }
    await queue.complete(attempt);
    expect(await followed).toEqual([
      ...Array.from({ length: 12 }, (_, seq) => `line ${seq}`),
      '(succeeded)',
    ]);
    await server[Symbol.asyncDispose]();
  });

  it('goes on with the next attempt', async () => {
    await queue.heartbeat(attempt, [line(0)]);
    const events = follow();
    expect(await next(events)).toBe('line 0');
    await queue.watch();
    await store.advanceClock(60_000);
    await queue.watch();
    await queue.sweep();
    const again = await queue.mustTake(await queue.daemon({}, { organizationId }));
    expect(again).toMatchObject({ jobId: attempt.jobId, attempt: 2 });
    const second = next(events);
    await queue.heartbeat(again, [line(0)]);
    expect(await second).toBe('line 0');
    await events.return();
  });

  it('finds what no notice told of, by looking now and then', async () => {
    const deaf = { ...store.kit, database: store.database, bus: { subscribe: () => () => false } };
    await using server = await startStoreApi(store, createJobHandlers(deaf, { pollMs: 5 }));
    const followed = collect(follow(server));
    await queue.heartbeat(attempt, [line(0)]);
    await queue.complete(attempt);
    expect(await followed).toEqual(['line 0', '(succeeded)']);
  });

  it('gets nothing as a stranger, and nothing more after leaving the organization', async () => {
    const stranger = await make.user({ organizationId: await make.organization() });
    const input = { params: { job: attempt.jobId }, query: {}, headers: {} };
    await expect(api.as(stranger).call(jobRoutes.followJobLog, input)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await queue.heartbeat(attempt, [line(0)]);
    const events = follow();
    expect(await next(events)).toBe('line 0');
    await store.sql('delete from memberships where user_id = $1', [userId]);
    // A look that had begun may still give what it found.
    const refused = (async () => {
      for (;;) if ((await events.next()).done === true) return;
    })();
    await queue.heartbeat(attempt, [line(1)]);
    await expect(refused).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('is refused for a position that no log has', async () => {
    const input = { params: { job: attempt.jobId }, query: {}, headers: { 'last-event-id': 'x' } };
    await expect(api.as(userId).call(jobRoutes.followJobLog, input)).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      detail: 'header.last-event-id is "x", not the position of a line',
    });
  });

  it('resumes after the stronger of two positions', async () => {
    await queue.heartbeat(attempt, [line(0), line(1), line(2)]);
    await queue.complete(attempt);
    const { body } = await api.as(userId).call(jobRoutes.followJobLog, {
      ...{ params: { job: attempt.jobId }, query: { after: '1.0' } },
      headers: { 'last-event-id': '1.1' },
    });
    expect(await collect(body)).toEqual(['line 2', '(succeeded)']);
  });
});
