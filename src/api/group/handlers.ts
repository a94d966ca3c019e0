// The routes about the groups of an organization.
import type { Kit } from '../../base/kit.ts';
import type { groupRoutes } from '../../contract/group/route.ts';
import { fromUnits } from '../../domain/quota/amount.ts';
import {
  addGroupMember,
  changeGroup,
  createGroup,
  deleteGroup,
  getGroup,
  removeGroupMember,
} from '../../people/group.ts';
import { getVisibleOrganization } from '../../people/organization.ts';
import type { Database } from '../../store/database.ts';
import { listGroups } from '../../store/group.ts';
import type { Handlers } from '../handler.ts';
import { pageOf, rowsToRead } from '../page.ts';
import { viewGroup, viewGroupDetail } from './view.ts';

export interface GroupHandlerDeps {
  readonly kit: Kit;
  readonly database: Database;
}

export function createGroupHandlers(deps: GroupHandlerDeps): Handlers<keyof typeof groupRoutes> {
  const { database } = deps;
  return {
    listGroups: async ({ caller, params, query }) => {
      const { id: organizationId } = await getVisibleOrganization(
        database,
        caller,
        params.organization,
      );
      const page = { after: query.cursor ?? '', limit: rowsToRead(query) };
      const rows = await listGroups.all(database, { organizationId, ...page });
      const show = { view: viewGroup, key: (row: { name: string }) => row.name };
      return { status: 200, body: pageOf(query, rows, show) };
    },

    createGroup: async ({ caller, params, body }) => {
      const made = await createGroup(deps, caller, {
        ...params,
        group: body.name,
        displayName: body.display_name,
        allowance: fromUnits(body.daily_allowance ?? 0),
      });
      return { status: 201, body: viewGroupDetail(made) };
    },

    getGroup: async ({ caller, params }) => {
      const group = await getGroup(database, caller, params);
      return { status: 200, body: viewGroupDetail(group) };
    },

    changeGroup: async ({ caller, params, body }) => {
      const { daily_allowance: units } = body;
      const group = await changeGroup(deps, caller, {
        ...params,
        displayName: body.display_name,
        allowance: units === undefined ? undefined : fromUnits(units),
      });
      return { status: 200, body: viewGroupDetail(group) };
    },

    deleteGroup: async ({ caller, params }) => {
      await deleteGroup(deps, caller, params);
      return { status: 204, body: null };
    },

    addGroupMember: async ({ caller, params }) => {
      const group = await addGroupMember(deps, caller, params);
      return { status: 200, body: viewGroupDetail(group) };
    },

    removeGroupMember: async ({ caller, params }) => {
      const group = await removeGroupMember(deps, caller, params);
      return { status: 200, body: viewGroupDetail(group) };
    },
  };
}
