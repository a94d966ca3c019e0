// Groups as the contract shows them.
import { formatInstant } from '../../base/clock.ts';
import type { GroupDetail, GroupView } from '../../contract/group/schema.ts';
import { toUnits } from '../../domain/quota/amount.ts';
import type { GroupWithMembers } from '../../people/group.ts';
import type { GroupRow } from '../../store/group.ts';

export function viewGroup(row: GroupRow): GroupView {
  return {
    id: row.id,
    name: row.name,
    display_name: row.displayName,
    daily_allowance: toUnits(row.allowance),
    member_count: row.members,
    created_at: formatInstant(row.createdAt),
  };
}

export function viewGroupDetail(group: GroupWithMembers): GroupDetail {
  const { usernames } = group;
  return { ...viewGroup(group), member_count: usernames.length, members: [...usernames] };
}
