// Who belongs to which organization.
import type { Instant } from '../base/clock.ts';
import type { OrganizationId, UserId } from '../base/id.ts';
import { instant } from './column.ts';
import { statement, takes, type Executor } from './statement.ts';

const insert = statement({
  name: 'membership.insert',
  takes: takes<{ readonly organizationId: OrganizationId; readonly userId: UserId }>(),
  gives: { createdAt: instant },
  sql: `
    insert into memberships (organization_id, user_id, created_at)
    values ($organizationId, $userId, standby_now())
    on conflict (organization_id, user_id) do update set user_id = excluded.user_id
    returning created_at`,
});

/** Makes the user a member, and gives since when; once one, this changes nothing. */
export async function insertMembership(
  on: Executor,
  organizationId: OrganizationId,
  userId: UserId,
): Promise<Instant> {
  return (await insert.one(on, { organizationId, userId })).createdAt;
}
