// The one statement by which tests look at all invariants.
import { expect, it } from 'vitest';
import { findViolations } from '../../support/pool-invariants.ts';
import { openTestStore } from '../../support/store.ts';

it('says what is violated, and by what', async () => {
  await using store = await openTestStore();
  expect(await findViolations(store)).toEqual([]);
  await store.sql('alter table users drop constraint users_system_has_no_roles_check');
  await store.sql(`update users set site_roles = '{admin}' where is_system`);
  expect(await findViolations(store)).toEqual([expect.stringMatching(/^system\.user: .*: .+$/)]);
});
