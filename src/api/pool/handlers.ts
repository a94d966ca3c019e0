// Handlers of the routes about pools. A member of the organization sees them all.
import { AppError } from '../../base/app-error.ts';
import { excerpt } from '../../base/excerpt.ts';
import type { PoolId } from '../../base/id.ts';
import type { poolRoutes } from '../../contract/pool/route.ts';
import { getVisibleOrganization } from '../../people/organization.ts';
import { readPoolDetail, readPoolPages, type PageOptions } from '../../reconciler/pool-page.ts';
import type { Database } from '../../store/database.ts';
import type { Handlers } from '../handler.ts';
import { idCursor, pageOf, rowsToRead } from '../page.ts';
import { toPoolDetailView, toPoolView } from './view.ts';

export function createPoolHandlers(
  { database }: { readonly database: Database },
  options: PageOptions,
): Handlers<keyof typeof poolRoutes> {
  return {
    listPools: async ({ caller, params, query }) => {
      const organization = await getVisibleOrganization(database, caller, params.organization);
      const listing = {
        organizationId: organization.id,
        template: query.template ?? null,
        after: idCursor<PoolId>(query),
        limit: rowsToRead(query),
      };
      const pages = await readPoolPages(database, listing, options);
      const show = {
        view: toPoolView,
        key: (page: (typeof pages)[number]) => page.pool.id,
      };
      return { status: 200, body: pageOf(query, pages, show) };
    },
    getPool: async ({ caller, params }) => {
      const { template, preset } = params;
      const organization = await getVisibleOrganization(database, caller, params.organization);
      const names = { organizationId: organization.id, template, preset };
      const detail = await readPoolDetail(database, names, options);
      if (detail === undefined) {
        const named = `template "${template}" and preset ${excerpt(preset)}`;
        throw new AppError('NOT_FOUND', `there is no pool of ${named}`);
      }
      return { status: 200, body: toPoolDetailView(detail) };
    },
  };
}
