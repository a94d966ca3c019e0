// Claims of now, while agents have yet to answer for somebody in line: that one may need another prebuild, which is
// left for them, and no more than that.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createId, type UserId, type WorkspaceId } from '../../../src/base/id.ts';
import { takePrebuilds, type TakeRequest } from '../../../src/store/claim-take.ts';
import { createNoticeBus } from '../../../src/store/notice-bus.ts';
import type { WorkspaceRequest } from '../../../src/workspaces/request.ts';
import { createAnsweringAgents, type AnsweringAgents } from '../../support/answering-agents.ts';
import { asCreated } from '../../support/created.ts';
import { createTestCreator } from '../../support/creator.ts';
import { createFactory, type Factory } from '../../support/factory.ts';
import { somebodyWaits } from '../../support/held-turn.ts';
import { LINE_PROOF, openProvenLine, type ProvenLine } from '../../support/proven-line.ts';
import { createQueue, type TestQueue } from '../../support/queue.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

/** Who goes behind does so as soon as it is known. */
const IMPATIENT = { timeoutMs: 1, pollMs: 1 };

let store: TestStore;
let make: Factory;
let deps: TestQueue['deps'];
let answering: AnsweringAgents;
let line: ProvenLine;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  const bus = createNoticeBus({ ...store.kit, ...store });
  ({ deps } = createQueue(store, make, { bus }));
  answering = createAnsweringAgents({ store, make }, deps);
});
afterAll(() => store.close());
beforeEach(async () => {
  line = await openProvenLine({ store, make }, { deps, answering });
});
afterEach(() => answering.end());

/** A claim of somebody else, by a control plane that waits for proofs as told. */
async function claim(
  proof: typeof LINE_PROOF,
  given: Partial<WorkspaceRequest> = {},
): Promise<WorkspaceId | string> {
  const create = createTestCreator(deps, { proof });
  const by = { userId: await make.user({ organizationId: line.organizationId }), isAdmin: false };
  return create(by, line.request({ onEmpty: 'fail', ...given })).then(
    (answer) => (asCreated(answer).claimed ? asCreated(answer).workspaceId : 'built'),
    (error: unknown) => (error as { readonly code: string }).code,
  );
}

describe('a claim of now', () => {
  it.each(['fail', 'create'] as const)(
    'takes what is ready beyond one for each of them, whether their proof ends or not (%s)',
    async (onEmpty) => {
      await line.wait();
      await answering.ready(line.pool, 'frozen');
      // The control plane that took it has died.
      await line.take();
      const [one, two] = await answering.ready(line.pool, 'lives', 'lives', 'lives');
      expect(await claim(LINE_PROOF, { onEmpty })).toBe(one);
      expect(await claim(LINE_PROOF, { onEmpty })).toBe(two);
      expect(await claim(IMPATIENT, { onEmpty })).toBe(onEmpty === 'fail' ? 'POOL_EMPTY' : 'built');
    },
  );

  it('waits for somebody who is being proven, and does not overtake', async () => {
    const first = await line.wait();
    await answering.ready(line.pool, 'frozen');
    const prove = await line.take();
    const [one] = await answering.ready(line.pool, 'lives');
    expect(await claim(IMPATIENT)).toBe('POOL_EMPTY');
    const [claimed] = await Promise.all([claim(LINE_PROOF), prove()]);
    expect(claimed).toBe('POOL_EMPTY');
    expect(await line.see(first)).toMatchObject({ outcome: 'served', workspaceId: one });
  });

  it('gets what they turn out not to need', async () => {
    const first = await line.wait();
    const [its] = await answering.ready(line.pool, 'lives');
    const prove = await line.take();
    const [one] = await answering.ready(line.pool, 'lives');
    const [claimed] = await Promise.all([claim(LINE_PROOF), prove()]);
    expect(claimed).toBe(one);
    expect(await line.see(first)).toMatchObject({ outcome: 'served', workspaceId: its });
  });

  it.each(['fail', 'create'] as const)(
    'gets what they turn out not to need while it asks why there was nothing (%s)',
    async (onEmpty) => {
      await line.wait();
      await answering.ready(line.pool, 'lives');
      const prove = await line.take();
      const [one] = await answering.ready(line.pool, 'lives');
      const other = await store.database.connect();
      try {
        await other.query('begin');
        await other.query(
          `select from templates where id = (select template_id from pools where id = $1)
           for no key update`,
          [line.pool.poolId],
        );
        const claimed = claim(LINE_PROOF, { onEmpty });
        // It has left the last one, and waits for the template before it says so.
        await somebodyWaits(store);
        expect(await prove()).toBe(true);
        await other.query('commit');
        expect(await claimed).toBe(one);
      } finally {
        await other.end();
      }
    },
  );

  it('leaves nothing for those of a lower priority', async () => {
    await line.wait();
    await answering.ready(line.pool, 'frozen');
    await line.take();
    const [one] = await answering.ready(line.pool, 'lives');
    expect(await claim(LINE_PROOF, { priority: 1 })).toBe(one);
  });

  it('leaves them nothing that cannot be handed over', async () => {
    await line.wait();
    await answering.ready(line.pool, 'frozen');
    await line.take();
    const [silent, one] = await answering.ready(line.pool, 'lives', 'lives');
    const isReady = 'update pool_members set ready = $2 where workspace_id = $1';
    await store.sql(isReady, [silent, false]);
    expect(await claim(IMPATIENT)).toBe('POOL_EMPTY');
    await store.sql(isReady, [silent, true]);
    expect(await claim(LINE_PROOF)).toBe(silent);
    expect(await claim(IMPATIENT)).toBe('POOL_EMPTY');
    expect(await claim(LINE_PROOF, { priority: 1 })).toBe(one);
  });

  it('takes no more with others, by one statement, than alone', async () => {
    await line.wait();
    await answering.ready(line.pool, 'frozen');
    await line.take();
    const [one, two] = await answering.ready(line.pool, 'lives', 'lives', 'lives');
    const users = await Promise.all(['a', 'b', 'c'].map(() => make.user()));
    const taken = await takePrebuilds(store.database, 'oldest', users.map(asks));
    const ids = taken.map((each) => each?.workspace.id);
    expect(ids).toEqual([one, two, undefined]);
  });
});

function asks(userId: UserId): TakeRequest {
  return {
    ...{ userId, isAdmin: true, isWithinQuota: false, isToProve: true, name: 'demo', priority: 0 },
    ...{ claimId: createId(store.kit), eventId: createId(store.kit), resolveMs: 0 },
    ...{ presetId: line.pool.presetId, idempotencyKey: null, bodyHash: Buffer.alloc(32) },
    ...{ ttlSeconds: null, lifetimeSeconds: null, idleStopSeconds: null },
    ...{ dormantAfterSeconds: null, deleteDormantAfterSeconds: null },
  };
}
