// Rows about people as the contract shows them.
import { formatInstant } from '../../base/clock.ts';
import type { OrganizationView, TokenView, UserView } from '../../contract/people/schema.ts';
import type { OrganizationRow } from '../../store/organization.ts';
import type { TokenRow } from '../../store/token.ts';
import type { UserRow } from '../../store/user.ts';

export function viewOrganization(row: OrganizationRow): OrganizationView {
  return {
    id: row.id,
    name: row.name,
    display_name: row.displayName,
    created_at: formatInstant(row.createdAt),
  };
}

export function viewUser(row: UserRow): UserView {
  return {
    id: row.id,
    username: row.username,
    display_name: row.displayName,
    email: row.email,
    status: row.status,
    site_roles: row.siteRoles.filter((role) => role === 'admin'),
    created_at: formatInstant(row.createdAt),
  };
}

export function viewToken(row: TokenRow): TokenView {
  return {
    id: row.id,
    name: row.name,
    username: row.username,
    created_at: formatInstant(row.createdAt),
    expires_at: row.expiresAt === null ? null : formatInstant(row.expiresAt),
    last_used_at: row.lastUsedAt === null ? null : formatInstant(row.lastUsedAt),
  };
}
