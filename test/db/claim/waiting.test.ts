import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../../src/base/app-error.ts';
import type { UserId, WaiterId } from '../../../src/base/id.ts';
import { openKeyring } from '../../../src/keys/keyring.ts';
import { resealRetired, rotateKeys } from '../../../src/keys/rotate.ts';
import { removeOldWaiters } from '../../../src/store/waiter-end.ts';
import {
  cancelWaiter,
  readWaiter,
  tendLines,
} from '../../../src/workspaces/waiting/end-waiters.ts';
import { serveLine } from '../../../src/workspaces/waiting/serve-line.ts';
import { createDeferred } from '../../support/deferred.ts';
import { createFactory, type Factory } from '../../support/factory.ts';
import { openLine, type Line } from '../../support/line.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { proveDepsOf } from '../../support/creator.ts';
import { depsOf, openTestStore, TEST_SECRET_KEY, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let line: Line;
let ann: UserId;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
});
afterAll(() => store.close());
beforeEach(async () => {
  line = await openLine({ store, make });
  ann = await make.user({ organizationId: line.organizationId });
});

const codeOf = async (work: Promise<unknown>): Promise<string> => {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof AppError)) throw new Error('no AppError was thrown', { cause: error });
  return error.code;
};
const served = (workspace_id: unknown) => ({ outcome: 'served', workspace_id, error_code: null });
const countedEnds = () =>
  store.sql(
    `select labels ->> 'outcome' as outcome, sum(amount)::int as count from counter_steps
     where counter = 'waits_ended' and template_id = $1 group by 1 order by 1`,
    [line.pool.templateId],
  );
const WAITING = { outcome: null, workspace_id: null, error_code: null };

describe('who finds nothing and waits', () => {
  it('is served by the turn of the pool that finds a prebuild', async () => {
    const id = await line.wait({ userId: ann });
    await line.turn();
    expect(await line.look(id)).toEqual(WAITING);
    const [workspaceId] = await line.ready(1);
    store.announced.length = 0;
    await line.turn();
    expect(await line.look(id)).toEqual(served(workspaceId));
    expect(
      await store.sql('select owner_id, name, epoch from workspaces where id = $1', [workspaceId]),
    ).toEqual([{ owner_id: ann, name: 'demo', epoch: 1 }]);
    expect(store.announced).toEqual(
      expect.arrayContaining([
        { kind: 'waiter', waiterId: id },
        { kind: 'pool', poolId: line.pool.poolId },
        { kind: 'workspace', workspaceId },
        { kind: 'owner', workspaceId },
      ]),
    );
  });

  it('takes what is ready at once', async () => {
    const [workspaceId] = await line.ready(1);
    expect(await line.ask()).toMatchObject({ workspaceId, claimed: true });
  });

  it('leaves one record, of a hit with the time that it waited', async () => {
    const id = await line.wait();
    await store.advanceClock(5_000);
    const [workspaceId] = await line.ready(1);
    await line.turn();
    const records = await store.sql<{ outcome: string; stage_ms: Record<string, number> }>(
      'select outcome, reason, workspace_id, stage_ms from claims where pool_id = $1',
      [line.pool.poolId],
    );
    expect(records).toMatchObject([{ outcome: 'hit', reason: null, workspace_id: workspaceId }]);
    expect(records[0]!.stage_ms['wait']).toBeGreaterThanOrEqual(5_000);
    expect(await countedEnds()).toEqual([{ outcome: 'served', count: 1 }]);
    expect(
      await store.sql('select kind, reason from pool_events where pool_id = $1 order by at', [
        line.pool.poolId,
      ]),
    ).toEqual([
      { kind: 'waiting', reason: 'empty' },
      { kind: 'claimed', reason: null },
    ]);
    expect(await line.look(id)).toEqual(served(workspaceId));
  });

  it('gets the build that hands over, where the template needs one, in class 1', async () => {
    line = await openLine({ store, make }, { manifest: { claim: 'apply' } });
    await line.wait();
    const [workspaceId] = await line.ready(1);
    await line.turn();
    expect(
      await store.sql(
        `select b.number, b.stage, j.class from builds b join jobs j on j.id = b.job_id
         where b.workspace_id = $1 and b.number = 2`,
        [workspaceId],
      ),
    ).toEqual([{ number: 2, stage: 'claim', class: 1 }]);
  });

  it('is served from a paused pool, too', async () => {
    const id = await line.wait();
    const [workspaceId] = await line.ready(1);
    await store.sql('update pools set paused = true where id = $1', [line.pool.poolId]);
    expect(await line.turn()).toEqual(['paused']);
    expect(await line.look(id)).toEqual(served(workspaceId));
  });

  it('is served before the pool takes away what it needs no more', async () => {
    const id = await line.wait();
    const [oldest, newest] = await line.ready(2);
    expect(await line.turn()).toEqual(['pool.deleting 1 extraneous']);
    expect(await line.look(id)).toEqual(served(oldest));
    expect(
      await store.sql('select transition from pool_members where workspace_id = $1', [newest]),
    ).toEqual([{ transition: 'delete' }]);
  });

  it('is served by another turn where what is ready was locked for a moment, and not taken', async () => {
    const id = await line.wait();
    const [workspaceId] = await line.ready(1);
    store.announced.length = 0;
    const locked = createDeferred<undefined>();
    const looked = createDeferred<undefined>();
    const holding = store.open(1).transaction(async (tx) => {
      const name = 'test.lock_member';
      const text = 'select from pool_members where workspace_id = $1 for update';
      await tx.query({ name, text, values: [workspaceId] });
      locked.resolve(undefined);
      await looked.promise;
    });
    await locked.promise;
    await line.turn();
    expect(await line.look(id)).toEqual(WAITING);
    expect(store.announced).toContainEqual({ kind: 'pool', poolId: line.pool.poolId });
    looked.resolve(undefined);
    await holding;
    await line.turn();
    expect(await line.look(id)).toEqual(served(workspaceId));
  });

  it('waits on where this server cannot read the template, and the turn of the pool goes on', async () => {
    line = await openLine({ store, make }, { desired: 2 });
    const id = await line.wait();
    const [workspaceId] = await line.ready(1);
    const { versionId, manifest } = line.pool;
    const storeManifest = (stored: unknown): Promise<unknown> =>
      store.sql('update template_versions set manifest = $2 where id = $1', [versionId, stored]);
    await storeManifest({ ...manifest, cost: 'of a later version' });
    expect(await line.turn()).toEqual(['pool.created 1']);
    expect(await line.look(id)).toEqual(WAITING);
    await storeManifest(manifest);
    await line.turn();
    expect(await line.look(id)).toEqual(served(workspaceId));
  });

  it('is never given one that is expired or not ready', async () => {
    const id = await line.wait({ waitTimeoutSeconds: 86_400 });
    const [old, unready] = await line.ready(2);
    await store.sql(`update pool_members set ready = false where workspace_id = $1`, [unready]);
    await store.sql('update presets set ttl_seconds = 60 where id = $1', [line.pool.presetId]);
    await store.advanceClock(61_000);
    await line.turn();
    expect(await line.look(id)).toEqual(WAITING);
    expect(old).toBeDefined();
  });
});

describe('a turn in which the database cannot serve', () => {
  it.each(['53100', '57014'])('costs nobody the place in line: %s', async (code) => {
    const id = await line.wait({ name: `unlucky-${code}` });
    const [workspaceId] = await line.ready(1);
    await store.sql(
      `create function fail_once() returns trigger language plpgsql as
         $$ begin raise exception using errcode = '${code}'; end $$`,
    );
    await store.sql(
      `create trigger fail_once before update on workspaces for each row
       when (new.name = 'unlucky-${code}') execute function fail_once()`,
    );
    await expect(line.turn()).rejects.toThrow();
    await store.sql('drop function fail_once cascade');
    expect(await line.look(id)).toEqual(WAITING);
    await line.turn();
    expect(await line.look(id)).toEqual(served(workspaceId));
  });
});

describe('the line', () => {
  it('is served by priority, then in the order in which they came', async () => {
    const first = await line.wait({ priority: 0 });
    const low = await line.wait({ priority: -1 });
    const second = await line.wait({ priority: 0 });
    const high = await line.wait({ priority: 7 });
    const ready = await line.ready(4);
    await line.turn();
    const order = [high, first, second, low];
    expect(await Promise.all(order.map((id) => line.look(id)))).toEqual(ready.map(served));
  });

  it('goes before who comes later and would not wait', async () => {
    const id = await line.wait();
    const [workspaceId] = await line.ready(1);
    expect(await codeOf(line.ask({ onEmpty: 'fail' }))).toBe('POOL_EMPTY');
    expect(await line.look(id)).toEqual(served(workspaceId));
  });

  it('leaves to who comes later what is there beyond it', async () => {
    const id = await line.wait();
    const [first, second] = await line.ready(2);
    expect(await line.ask({ onEmpty: 'fail' })).toMatchObject({ workspaceId: second });
    expect(await line.look(id)).toEqual(served(first));
  });

  it('is passed by who has a higher priority', async () => {
    const id = await line.wait({ priority: 1 });
    const [workspaceId] = await line.ready(1);
    expect(await line.ask({ onEmpty: 'fail', priority: 2 })).toMatchObject({ workspaceId });
    expect(await line.look(id)).toEqual(WAITING);
  });

  it('has who comes later behind it, whatever that one wants', async () => {
    await line.wait();
    expect(await line.ask({ onEmpty: 'create' })).toMatchObject({ claimed: false });
    const behind = await line.wait();
    const [workspaceId] = await line.ready(1);
    await line.turn();
    expect(await line.look(behind)).toEqual(WAITING);
    expect(workspaceId).toBeDefined();
  });

  it('has nobody behind it whose deadline has passed, noted or not', async () => {
    await line.wait({ waitTimeoutSeconds: 10 });
    await store.advanceClock(10_001);
    const [workspaceId] = await line.ready(1);
    expect(await line.ask({ onEmpty: 'fail' })).toMatchObject({ workspaceId });
  });

  it('raises what the pool builds, up to its ceiling, and only for as long as it stands', async () => {
    line = await openLine({ store, make }, { desired: 1 });
    await store.sql('update presets set max_instances = 3 where id = $1', [line.pool.presetId]);
    const ids = [];
    for (let n = 0; n < 4; n++) ids.push(await line.wait());
    expect(await line.turn()).toEqual(['pool.created 3']);
    for (const id of ids) await cancelWaiter(depsOf(store), (await readWaiter(depsOf(store), id))!);
    expect(await line.turn()).toEqual(['pool.canceled 2']);
  });
});

describe('a name that somebody waits with', () => {
  it('is taken for the same owner, and for nobody else', async () => {
    await line.wait({ userId: ann });
    expect(await codeOf(line.ask({ userId: ann }))).toBe('NAME_TAKEN');
    expect(await codeOf(line.ask({ userId: ann, onEmpty: 'create' }))).toBe('NAME_TAKEN');
    await line.wait();
  });

  it('of a workspace cannot be waited with', async () => {
    await line.ask({ userId: ann, onEmpty: 'create' });
    expect(await codeOf(line.ask({ userId: ann }))).toBe('NAME_TAKEN');
  });

  it('is kept from a claim that takes at once, too', async () => {
    await line.wait({ userId: ann });
    await line.ready(2);
    const other = await openLine({ store, make });
    await other.ready(1);
    await store.sql(
      `insert into memberships (organization_id, user_id, created_at) values ($1, $2, standby_now())`,
      [other.organizationId, ann],
    );
    expect(await codeOf(other.ask({ userId: ann }))).toBe('NAME_TAKEN');
    expect(
      await store.sql('select from pool_members where pool_id = $1', [other.pool.poolId]),
    ).toHaveLength(1);
  });

  it.each([
    ['waiters', 'workspaces_owner_id_name_key'],
    ['workspaces', 'waiters_user_id_name_key'],
  ])('is refused by the database itself, however %s are written', async (table, constraint) => {
    const workspace = await make.workspace(line.pool, { ownerId: ann });
    const other = await line.wait({ userId: ann });
    const write =
      table === 'waiters'
        ? `update waiters set name = (select name from workspaces where id = $1) where id = $2`
        : `update workspaces set name = (select name from waiters where id = $2) where id = $1`;
    await expect(store.sql(write, [workspace.workspaceId, other])).rejects.toMatchObject({
      code: '23505',
      constraint,
    });
  });

  it('of two at the same moment is got by one', async () => {
    const second = store.open();
    for (let n = 0; n < 10; n++) {
      const userId = await make.user({ organizationId: line.organizationId });
      const all = await Promise.allSettled([
        line.ask({ userId }),
        line.ask({ userId, onEmpty: 'create', database: second }),
        line.ask({ userId, database: second }),
      ]);
      expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    }
  });

  it.each(['create', 'wait'] as const)(
    'is free once the deadline has passed, noted or not: %s',
    async (onEmpty) => {
      const id = await line.wait({ userId: ann, waitTimeoutSeconds: 10 });
      await store.advanceClock(10_001);
      await line.ask({ userId: ann, onEmpty });
      expect(await line.look(id)).toEqual({ ...WAITING, outcome: 'timed_out' });
    },
  );

  it('is free when the waiting is over', async () => {
    const id = await line.wait({ userId: ann });
    await cancelWaiter(depsOf(store), (await readWaiter(depsOf(store), id))!);
    await line.wait({ userId: ann });
  });
});

describe('waiting', () => {
  it('ends at its deadline, with a miss and nothing else left', async () => {
    const id = await line.wait({ waitTimeoutSeconds: 10 });
    await store.advanceClock(10_001);
    const [workspaceId] = await line.ready(1);
    await store.sql('update pools set paused = true where id = $1', [line.pool.poolId]);
    await line.turn();
    expect(await line.look(id)).toEqual(WAITING);
    store.announced.length = 0;
    await tendLines(depsOf(store));
    expect(await line.look(id)).toEqual({ ...WAITING, outcome: 'timed_out' });
    expect(store.announced).toContainEqual({ kind: 'waiter', waiterId: id });
    expect(await countedEnds()).toEqual([{ outcome: 'timed_out', count: 1 }]);
    expect(
      await store.sql('select outcome, reason, workspace_id from claims where pool_id = $1', [
        line.pool.poolId,
      ]),
    ).toEqual([{ outcome: 'miss', reason: 'empty', workspace_id: null }]);
    expect(
      await store.sql('select 1 from pool_members where workspace_id = $1', [workspaceId]),
    ).toHaveLength(1);
  });

  it('goes on to its deadline', async () => {
    const id = await line.wait({ waitTimeoutSeconds: 3_600 });
    await store.advanceClock(3_590_000);
    await tendLines(depsOf(store));
    const [workspaceId] = await line.ready(1);
    await line.turn();
    expect(await line.look(id)).toEqual(served(workspaceId));
  });

  it('is ended by whoever looks after the deadline', async () => {
    const id = await line.wait({ waitTimeoutSeconds: 1 });
    await store.advanceClock(1_001);
    expect(await readWaiter(depsOf(store), id)).toMatchObject({ outcome: 'timed_out' });
  });

  it('is canceled once, and not at all once it is over', async () => {
    const canceled = await line.wait();
    const row = (await readWaiter(depsOf(store), canceled))!;
    await cancelWaiter(depsOf(store), row);
    await cancelWaiter(depsOf(store), row);
    expect(await line.look(canceled)).toEqual({ ...WAITING, outcome: 'canceled' });
    const other = await line.wait();
    const seen = (await readWaiter(depsOf(store), other))!;
    await line.ready(1);
    await line.turn();
    expect(await codeOf(cancelWaiter(depsOf(store), seen))).toBe('WAIT_OVER');
  });

  it('is refused where there is nothing to wait for', async () => {
    expect(await codeOf(line.ask({ preset: 'none' }))).toBe('NO_POOL');
    await store.sql('update presets set pool_id = null, desired_instances = null where id = $1', [
      line.pool.presetId,
    ]);
    expect(await codeOf(line.ask())).toBe('NO_POOL');
    // What was asked for counts, whether anybody could wait for it or not.
    expect(
      await store.sql('select outcome, reason from claims where template_id = $1', [
        line.pool.templateId,
      ]),
    ).toEqual([{ outcome: 'miss', reason: 'no_pool' }]);
    await store.sql(`update templates set deprecated = 'old' where id = $1`, [
      line.pool.templateId,
    ]);
    expect(await codeOf(line.ask())).toBe('TEMPLATE_DEPRECATED');
    expect(
      await store.sql('select from waiters where pool_id = $1', [line.pool.poolId]),
    ).toHaveLength(0);
  });

  it.each([
    ['PRESET_GONE', 'templates set deleted_at = standby_now()', 'templateId'],
    ['PRESET_GONE', 'templates set active_version_id = null', 'templateId'],
    ['TEMPLATE_DEPRECATED', `templates set deprecated = 'old'`, 'templateId'],
  ] as const)('ends with %s after: update %s', async (code, change, of) => {
    const ids = [await line.wait(), await line.wait()];
    await store.sql(`update ${change} where id = $1`, [line.pool[of]]);
    await line.turn();
    for (const id of ids) {
      expect(await line.look(id)).toEqual({ ...WAITING, outcome: 'refused', error_code: code });
    }
  });

  it('goes on in the version that is promoted meanwhile', async () => {
    const id = await line.wait();
    const { versionId } = await make.version(line.pool, { active: true });
    const next = await make.pool(
      { ...line.pool, versionId },
      { name: line.pool.presetName, desired: 0 },
    );
    expect(next.poolId).toBe(line.pool.poolId);
    const [old] = await line.ready(1);
    await line.turn();
    expect(await line.look(id)).toEqual(WAITING);
    const [workspaceId] = await makeReady(store, make, { pool: next, count: 1 });
    await line.turn();
    expect(await line.look(id)).toEqual(served(workspaceId));
    expect(old).not.toBe(workspaceId);
  });

  it.each([
    [
      'whose account is suspended',
      `update users set status = 'suspended' where id = $1`,
      'FORBIDDEN',
    ],
    ['who is no member any more', 'delete from memberships where user_id = $1', 'NOT_FOUND'],
  ])('of somebody %s ends, and the next one is served', async (_who, sql, code) => {
    const first = await line.wait({ userId: ann });
    const second = await line.wait();
    await store.sql(sql, [ann]);
    const [workspaceId] = await line.ready(1);
    await line.turn();
    expect(await line.look(first)).toEqual({ ...WAITING, outcome: 'refused', error_code: code });
    expect(await line.look(second)).toEqual(served(workspaceId));
  });

  it('is forgotten a day after its end', async () => {
    const id = await line.wait();
    await cancelWaiter(depsOf(store), (await readWaiter(depsOf(store), id))!);
    await store.advanceClock(24 * 3_600_000 - 1_000);
    await removeOldWaiters.run(store.database, { limit: 1_000 });
    expect(await readWaiter(depsOf(store), id)).toBeDefined();
    await store.advanceClock(2_000);
    await removeOldWaiters.run(store.database, { limit: 1_000 });
    expect(await readWaiter(depsOf(store), id)).toBeUndefined();
  });
});

describe('what is given to a sensitive parameter', () => {
  const CANARY = 'canary-7c1e';
  const token = {
    name: 'token',
    type: 'string',
    description: '',
    default: '',
  } as const;

  const waitWithSecret = async (): Promise<WaiterId> => {
    const parameters = [{ ...token, options: [], mutable: true, sensitive: true }];
    line = await openLine({ store, make }, { manifest: { parameters } });
    return line.wait({ parameters: { token: CANARY } });
  };
  /** Everything that is stored of waiters, as text. */
  const stored = async (): Promise<string> =>
    JSON.stringify(await store.sql('select * from waiters'));

  it('is stored sealed, survives a rotation, and is handed on when its turn comes', async () => {
    const id = await waitWithSecret();
    expect(await stored()).not.toContain(CANARY);
    const { database, keyring, kit } = store;
    await rotateKeys({ database, keyring });
    await resealRetired({ ...kit, database, keyring });
    const [workspaceId] = await line.ready(1);
    await line.turn();
    expect(await line.look(id)).toEqual(served(workspaceId));
    expect(
      await store.sql(
        `select s.names from builds b join secret_parameters s on s.id = b.secret_parameters_id
         where b.workspace_id = $1 and b.number = 2`,
        [workspaceId],
      ),
    ).toEqual([{ names: ['token'] }]);
    expect(await store.sql('select sealed from waiters where id = $1', [id])).toEqual([
      { sealed: null },
    ]);
  });

  it('is opened by a replica that has not heard of the newest key', async () => {
    const other = store.open();
    const keyring = await openKeyring({
      ...store.kit,
      database: other,
      secretKey: TEST_SECRET_KEY,
    });
    await rotateKeys({ database: store.database, keyring: store.keyring });
    const id = await waitWithSecret();
    const [workspaceId] = await line.ready(1);
    await serveLine(proveDepsOf({ ...store.kit, database: other, keyring }), line.pool.poolId);
    expect(await line.look(id)).toEqual(served(workspaceId));
  });

  it('that does not open any more ends the waiting, and holds up nobody', async () => {
    const broken = await waitWithSecret();
    await store.sql(String.raw`update waiters set sealed = '\\x00' where id = $1`, [broken]);
    const next = await line.wait();
    const [workspaceId] = await line.ready(1);
    await line.turn();
    expect(await line.look(broken)).toMatchObject({ outcome: 'refused', error_code: 'INTERNAL' });
    // The rest stands in the log.
    expect(await readWaiter(depsOf(store), broken)).toMatchObject({
      error: 'the server failed to serve this waiter',
    });
    expect(await line.look(next)).toEqual(served(workspaceId));
  });
});

describe('an idempotency key', () => {
  const key = { idempotencyKey: 'k' };

  it('gives the same waiter, and its workspace once it is served', async () => {
    const waiterId = await line.wait({ userId: ann, ...key });
    expect(await line.ask({ userId: ann, ...key })).toEqual({ waiterId });
    const [workspaceId] = await line.ready(1);
    await line.turn();
    expect(await line.ask({ userId: ann, ...key })).toEqual({
      ...{ workspaceId, claimed: true, reason: null },
      isRepeated: true,
    });
  });

  it('sent sixteen times at once stands in line once', async () => {
    const second = store.open();
    const all = await Promise.all(
      Array.from({ length: 16 }, (_, n) =>
        line.ask({ userId: ann, ...key, database: n % 2 === 0 ? store.database : second }),
      ),
    );
    expect(new Set(all.map((one) => JSON.stringify(one))).size).toBe(1);
    expect(
      await store.sql('select from waiters where pool_id = $1', [line.pool.poolId]),
    ).toHaveLength(1);
  });

  it('of another request is refused', async () => {
    await line.wait({ userId: ann, ...key });
    expect(await codeOf(line.ask({ userId: ann, ...key, priority: 1 }))).toBe(
      'IDEMPOTENCY_KEY_REUSED',
    );
  });

  it.each([
    ['WAIT_CANCELED', () => Promise.resolve()],
    ['WAIT_TIMEOUT', () => store.advanceClock(3_600_001)],
  ])('whose waiting ended tells how: %s', async (code, happen) => {
    const id = await line.wait({ userId: ann, ...key });
    await happen();
    const row = (await readWaiter(depsOf(store), id))!;
    if (row.outcome === null) await cancelWaiter(depsOf(store), row);
    expect(await codeOf(line.ask({ userId: ann, ...key }))).toBe(code);
  });
});

describe('who holds as many places in line as they may', () => {
  const FEW = { onEmpty: 'wait', waitersPerUser: 3 } as const;
  const places = (userId: UserId): Promise<unknown> =>
    store.sql('select count(*)::int from waiters where user_id = $1 and ended_at is null', [
      userId,
    ]);

  it('gets no other one, is told so, and the miss is recorded', async () => {
    for (const name of ['a', 'b', 'c']) await line.wait({ ...FEW, userId: ann, name });
    await expect(line.ask({ ...FEW, userId: ann, name: 'd' })).rejects.toMatchObject({
      code: 'TOO_MANY_WAITERS',
      detail: 'you hold 3 places in line already, and may hold 3',
      fields: { places: 3, most: 3 },
    });
    expect(
      await store.sql('select outcome, reason from claims where pool_id = $1', [line.pool.poolId]),
    ).toEqual([{ outcome: 'miss', reason: 'empty' }]);
    // Others are not concerned.
    await line.wait({ ...FEW, name: 'd' });
  });

  it('gets one again when another one ended or its deadline passed', async () => {
    const id = await line.wait({ ...FEW, userId: ann, name: 'a' });
    for (const name of ['b', 'c']) {
      await line.wait({ ...FEW, userId: ann, name, waitTimeoutSeconds: 60 });
    }
    await cancelWaiter(depsOf(store), (await readWaiter(depsOf(store), id))!);
    await line.wait({ ...FEW, userId: ann, name: 'd' });
    expect(await codeOf(line.ask({ ...FEW, userId: ann, name: 'e' }))).toBe('TOO_MANY_WAITERS');
    await store.advanceClock(60_001);
    await line.wait({ ...FEW, userId: ann, name: 'e' });
  });

  it('holds no more, however many ask at once on two replicas', async () => {
    const other = store.open();
    const asked = await Promise.allSettled(
      Array.from({ length: 16 }, (_, n) =>
        line.wait({
          ...{ ...FEW, userId: ann, name: `w-${n}` },
          database: n % 2 === 0 ? store.database : other,
        }),
      ),
    );
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    expect(await places(ann)).toEqual([{ count: 3 }]);
  });

  it('gets the place that the same request was given', async () => {
    const request = { ...FEW, waitersPerUser: 1, userId: ann, idempotencyKey: 'once' };
    const ids = await Promise.all(Array.from({ length: 8 }, () => line.wait(request)));
    expect(new Set(ids).size).toBe(1);
  });

  it('is served and built for as ever', async () => {
    await line.wait({ ...FEW, waitersPerUser: 1, userId: ann, name: 'a' });
    const built = await line.ask({ waitersPerUser: 1, userId: ann, name: 'b', onEmpty: 'create' });
    expect(built).toMatchObject({ claimed: false });
  });
});
