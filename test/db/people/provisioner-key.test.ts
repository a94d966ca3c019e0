// What provisioner keys open, as a control plane remembers it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProvisionerKeyId } from '../../../src/base/id.ts';
import { createToken, hashToken } from '../../../src/base/token.ts';
import { createProvisionerAuthenticator } from '../../../src/people/authenticate.ts';
import { createNoticeBus } from '../../../src/store/notice-bus.ts';
import { countStatements } from '../../support/counted-database.ts';
import { createDeferred } from '../../support/deferred.ts';
import { createFactory } from '../../support/factory.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
beforeAll(async () => {
  store = await openTestStore();
});
afterAll(() => store.close());

const open = () => {
  const clock = createManualClock();
  const database = countStatements(store.database);
  const bus = createNoticeBus({ ...store.kit, database }, { alone: true });
  return { clock, database, bus, find: createProvisionerAuthenticator({ clock, database, bus }) };
};

interface MadeKey {
  readonly id: ProvisionerKeyId;
  readonly secret: string;
}

const makeKey = async (): Promise<MadeKey> => {
  const { secret } = createToken(store.kit.rng, 'sbp');
  const id = await createFactory(store).key();
  await store.sql('update provisioner_keys set hash = $2 where id = $1', [id, hashToken(secret)]);
  return { id, secret };
};
const revoke = (id: ProvisionerKeyId): Promise<unknown> =>
  store.sql('update provisioner_keys set revoked_at = standby_now() where id = $1', [id]);

describe('a provisioner key', () => {
  it('is read once in a second, however often a daemon calls', async () => {
    const { clock, database, find } = open();
    const { id, secret } = await makeKey();
    const together = await Promise.all([find(secret), find(secret), find(secret)]);
    expect(together.map((found) => found?.keyId)).toEqual([id, id, id]);
    for (const afterMs of [0, 500, 499]) {
      await clock.advance(afterMs);
      expect(await find(secret)).toMatchObject({ keyId: id, organizationId: null });
    }
    expect(database.take().statements).toEqual(['provisioner_key.find_holder']);
    await clock.advance(1);
    expect(await find(secret)).toMatchObject({ keyId: id });
    expect(database.take().statements).toHaveLength(1);
  });

  it('opens from its first moment on, whoever has tried it before', async () => {
    const { find } = open();
    const { secret } = createToken(store.kit.rng, 'sbp');
    expect(await find(secret)).toBeUndefined();
    const { id } = await makeKey();
    await store.sql('update provisioner_keys set hash = $2 where id = $1', [id, hashToken(secret)]);
    expect(await find(secret)).toMatchObject({ keyId: id });
  });

  it('opens nothing from the moment on at which its end is heard of', async () => {
    const { database, find } = open();
    const { id, secret } = await makeKey();
    expect(await find(secret)).toMatchObject({ keyId: id });
    await revoke(id);
    database.announce([{ kind: 'provisioner_key', keyId: id }]);
    expect(await find(secret)).toBeUndefined();
  });

  it('opens nothing after a second where its end is not heard of', async () => {
    const { clock, find } = open();
    const { id, secret } = await makeKey();
    await find(secret);
    await revoke(id);
    await clock.advance(1_000);
    expect(await find(secret)).toBeUndefined();
  });

  it('is not remembered as it was read while it was revoked', async () => {
    const { clock, database, bus } = open();
    const [isRead, goOn] = [createDeferred<undefined>(), createDeferred<undefined>()];
    const slow: typeof database = {
      ...database,
      query: async (query) => {
        const answer = await database.query(query);
        isRead.resolve(undefined);
        await goOn.promise;
        return answer;
      },
    };
    const find = createProvisionerAuthenticator({ clock, database: slow, bus });
    const { id, secret } = await makeKey();
    const asked = find(secret);
    await isRead.promise;
    await revoke(id);
    database.announce([{ kind: 'provisioner_key', keyId: id }]);
    goOn.resolve(undefined);
    expect(await asked).toMatchObject({ keyId: id });
    expect(await find(secret)).toBeUndefined();
  });
});
