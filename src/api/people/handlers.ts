// The routes about people, organizations and tokens.
import { formatInstant } from '../../base/clock.ts';
import type { TokenId } from '../../base/id.ts';
import type { Kit } from '../../base/kit.ts';
import type { peopleRoutes } from '../../contract/people/route.ts';
import { requireAllowed } from '../../domain/permission/permission.ts';
import { addMember, createOrganization } from '../../people/organization.ts';
import { createToken, revokeToken } from '../../people/token.ts';
import { createUser } from '../../people/user.ts';
import type { Database } from '../../store/database.ts';
import { listOrganizations } from '../../store/organization.ts';
import { listTokens } from '../../store/token.ts';
import { getUser, listUsers } from '../../store/user.ts';
import type { Handlers } from '../handler.ts';
import { idCursor, pageOf, rowsToRead } from '../page.ts';
import { viewOrganization, viewToken, viewUser } from './view.ts';

export interface PeopleHandlerDeps {
  readonly kit: Kit;
  readonly database: Database;
}

// Nobody belongs to more by hand; whoever does finds the rest in the list of organizations.
const WHOAMI_ORGANIZATIONS = 500;

export function createPeopleHandlers(deps: PeopleHandlerDeps): Handlers<keyof typeof peopleRoutes> {
  const { database } = deps;
  return {
    whoami: async ({ caller }) => {
      const [user, organizations] = await Promise.all([
        getUser(database, caller.userId),
        listOrganizations(database, {
          memberId: caller.userId,
          after: '',
          limit: WHOAMI_ORGANIZATIONS,
        }),
      ]);
      return {
        status: 200,
        body: { user: viewUser(user), organizations: organizations.map(viewOrganization) },
      };
    },

    listOrganizations: async ({ caller, query }) => {
      const rows = await listOrganizations(database, {
        memberId: caller.isAdmin ? null : caller.userId,
        after: query.cursor ?? '',
        limit: rowsToRead(query),
      });
      const show = { view: viewOrganization, key: (row: { name: string }) => row.name };
      return { status: 200, body: pageOf(query, rows, show) };
    },

    createOrganization: async ({ caller, body }) => {
      const request = { name: body.name, displayName: body.display_name };
      const made = await createOrganization(deps, caller, request);
      return { status: 201, body: viewOrganization(made) };
    },

    addMember: async ({ caller, params }) => {
      const createdAt = await addMember(database, caller, params);
      return { status: 200, body: { ...params, created_at: formatInstant(createdAt) } };
    },

    listUsers: async ({ caller, query }) => {
      requireAllowed(caller, 'user.list');
      const page = { after: query.cursor ?? '', limit: rowsToRead(query) };
      const rows = await listUsers(database, page);
      const show = { view: viewUser, key: (row: { username: string }) => row.username };
      return { status: 200, body: pageOf(query, rows, show) };
    },

    createUser: async ({ caller, body }) => {
      const made = await createUser(deps, caller, {
        username: body.username,
        displayName: body.display_name,
        email: body.email,
        isAdmin: body.admin ?? false,
        organizations: body.organizations ?? [],
      });
      return { status: 201, body: viewUser(made) };
    },

    listTokens: async ({ caller, query }) => {
      const page = { before: idCursor<TokenId>(query), limit: rowsToRead(query) };
      const rows = await listTokens(database, caller.userId, page);
      const show = { view: viewToken, key: (row: { id: TokenId }) => row.id };
      return { status: 200, body: pageOf(query, rows, show) };
    },

    createToken: async ({ caller, body }) => {
      const { token, secret } = await createToken(deps, caller, {
        name: body.name,
        username: body.username,
        lifetimeSeconds: body.lifetime_seconds,
      });
      return { status: 201, body: { token: viewToken(token), secret } };
    },

    revokeToken: async ({ caller, params }) => {
      await revokeToken(database, caller, params.token as TokenId);
      return { status: 204, body: null };
    },
  };
}
