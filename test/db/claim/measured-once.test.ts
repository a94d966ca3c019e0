// A request that comes again is answered with what it was given, which was measured then.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createId, type TokenId } from '../../../src/base/id.ts';
import { createToken } from '../../../src/base/token.ts';
import { openKeyring } from '../../../src/keys/keyring.ts';
import { insertToken } from '../../../src/store/token.ts';
import { createCountedClaims } from '../../support/counted-claims.ts';
import { createFactory } from '../../support/factory.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { openTestStore, TEST_SECRET_KEY, type TestStore } from '../../support/store.ts';

let store: TestStore;
beforeEach(async () => {
  store = await openTestStore();
});
afterEach(() => store.close());

it('a claim that is asked for again with its key is measured once', async () => {
  const { kit, database } = store;
  const make = createFactory(store);
  const organizationId = await make.organization('acme');
  const userId = await make.user({ organizationId });
  const { secret: token, hash } = createToken(kit.rng, 'sbt');
  const id = createId<TokenId>(kit);
  await insertToken(database, { id, userId, name: 'test', hash, lifetimeSeconds: null });
  const pool = await make.pool(
    await make.template({ organizationId, manifest: { claim: 'instant' } }),
  );
  await makeReady(store, make, { pool, count: 2 });
  const keyring = await openKeyring({ ...kit, database, secretKey: TEST_SECRET_KEY });
  const measured: string[] = [];
  const meter = { observe: (duration: string) => void measured.push(duration) };
  const claims = createCountedClaims({ ...kit, meter }, { database, keyring });
  const request = { token, organization: 'acme', template: pool.name };
  const first = await claims.claim({ ...request, name: 'one', idempotencyKey: 'k' });
  expect(measured).toEqual(['claim_duration', 'claim_to_ready']);
  const again = await claims.claim({ ...request, name: 'one', idempotencyKey: 'k' });
  expect(again).toMatchObject({ claimed: true, workspace: { id: first.workspace.id } });
  expect(measured).toEqual(['claim_duration', 'claim_to_ready']);
  await claims.claim({ ...request, name: 'two' });
  expect(measured).toHaveLength(4);
});
