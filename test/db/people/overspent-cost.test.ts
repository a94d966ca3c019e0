// What it costs to tell who spends too much: the organization that is asked about, whatever others there are.
import { expect, it } from 'vitest';
import { createId, type GroupId } from '../../../src/base/id.ts';
import { insertGroup, insertGroupMember } from '../../../src/store/group.ts';
import { listOverspent } from '../../../src/store/quota.ts';
import { createFactory } from '../../support/factory.ts';
import { openTestStore } from '../../support/store.ts';
import { touchedRows } from '../../support/touched-rows.ts';

const OTHERS = 5_000;

it('the budgets of those alone are reckoned who own something in the organization', async () => {
  await using store = await openTestStore();
  const make = createFactory(store);
  const organizationId = await make.organization();
  const ownerId = await make.user({ organizationId });
  await make.workspace(await make.template({ organizationId }), { ownerId });
  const group = { id: createId<GroupId>(store.kit), organizationId, allowance: 100 };
  await insertGroup.one(store.database, { ...group, name: 'few', displayName: 'few' });
  await insertGroupMember.run(store.database, { id: group.id, userId: ownerId });
  const large = await make.template({ organizationId: await make.organization() });
  await store.sql(
    `with other as (
       insert into users (id, username, display_name, created_at)
       select gen_random_uuid(), 'other-' || n, '', standby_now()
       from generate_series(1, $3::integer) as n
       returning id
     )
     insert into workspaces (id, organization_id, owner_id, template_id, name, origin, epoch, created_at,
       updated_at, last_used_at)
     select gen_random_uuid(), $1, id, $2, 'theirs', 'user', 1, standby_now(), standby_now(), standby_now()
     from other`,
    [large.organizationId, large.templateId, OTHERS],
  );
  await store.sql('analyze');
  await store.sql(`prepare asked as ${listOverspent.text}`);
  const asked = { text: `execute asked ('${organizationId}')`, parameters: [] };
  const touched = await touchedRows(store, asked, {});
  expect(touched.get('groups')).toBe(1);
});
