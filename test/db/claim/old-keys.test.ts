import { afterAll, beforeAll, expect, it } from 'vitest';
import { dropOldIdempotencyKeys } from '../../../src/store/idempotency-key.ts';
import { createFactory } from '../../support/factory.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
beforeAll(async () => {
  store = await openTestStore();
});
afterAll(() => store.close());

it('idempotency keys are taken away when they do not count any more, and not before', async () => {
  const make = createFactory(store);
  const organizationId = await make.organization();
  const ownerId = await make.user({ organizationId });
  const template = await make.template({ organizationId });
  const { workspaceId } = await make.workspace(template, { ownerId });
  await store.sql(
    `insert into idempotency_keys (user_id, key, body_hash, workspace_id, created_at)
     select $1, 'key-' || hours, '\\x00', $2, standby_now() - make_interval(hours => hours)
     from unnest('{1,23,24,25}'::int[]) as hours`,
    [ownerId, workspaceId],
  );
  await dropOldIdempotencyKeys.run(store.database, { limit: 10 });
  expect(await store.sql('select key from idempotency_keys order by key')).toEqual([
    { key: 'key-1' },
    { key: 'key-23' },
  ]);
});
