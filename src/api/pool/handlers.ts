// Handlers of the routes about pools. A member of the organization sees them all; administrators
// change them.
import { AppError } from '../../base/app-error.ts';
import { excerpt } from '../../base/excerpt.ts';
import type { PoolId } from '../../base/id.ts';
import type { Kit } from '../../base/kit.ts';
import type { PlannedPoolView } from '../../contract/pool/schema.ts';
import type { poolRoutes } from '../../contract/pool/route.ts';
import { requireAllowed } from '../../domain/permission/permission.ts';
import { getVisibleOrganization } from '../../people/organization.ts';
import { changePool } from '../../pools/change-pool.ts';
import { invalidatePool } from '../../pools/invalidate-pool.ts';
import { resetPool } from '../../pools/reset-pool.ts';
import {
  readPagesOf,
  readPoolDetail,
  readPoolPage,
  readPoolPages,
  type PageOptions,
  type PoolNames,
  type PoolPage,
} from '../../reconciler/pool-page.ts';
import type { Database, Transaction } from '../../store/database.ts';
import { findPool } from '../../store/pool-page.ts';
import type { Handlers, PersonCaller } from '../handler.ts';
import { idCursor, pageOf, rowsToRead, type PageQuery } from '../page.ts';
import { toPlannedPoolView, toPoolDetailView, toPoolView } from './view.ts';

export interface PoolApiDeps {
  readonly kit: Kit;
  readonly database: Database;
}

interface Named {
  readonly organization: string;
  readonly template: string;
  readonly preset: string;
}

interface Listing {
  readonly caller: PersonCaller;
  readonly params: { readonly organization: string };
  readonly query: PageQuery & { readonly template?: string | undefined };
}

interface Change {
  readonly caller: PersonCaller;
  readonly params: Named;
  readonly query: { readonly dry_run?: 'true' | 'false' | undefined };
}

export function createPoolHandlers(
  { kit, database }: PoolApiDeps,
  options: PageOptions,
): Handlers<keyof typeof poolRoutes> {
  const names = async (caller: PersonCaller, named: Named): Promise<PoolNames> => {
    const { id } = await getVisibleOrganization(database, caller, named.organization);
    return { organizationId: id, template: named.template, preset: named.preset };
  };

  const readPages = async ({ caller, params, query }: Listing): Promise<readonly PoolPage[]> => {
    const organization = await getVisibleOrganization(database, caller, params.organization);
    const listing = {
      organizationId: organization.id,
      template: query.template ?? null,
      after: idCursor<PoolId>(query),
      limit: rowsToRead(query),
    };
    return readPoolPages(database, listing, options);
  };

  /** Does it, and tells what the pool's next turn will do; a dry run takes it back again. */
  const change = async (
    { caller, params, query }: Change,
    work: (tx: Transaction, poolId: PoolId) => Promise<void>,
  ): Promise<{ readonly status: 200; readonly body: PlannedPoolView }> => {
    const named = await names(caller, params);
    requireAllowed(caller, 'pool.change', { isMember: true });
    const found = await findPool.maybe(database, named);
    if (found === undefined) throw noPool(params);
    const mode = query.dry_run === 'true' ? 'dry_run' : 'write';
    const [page] = await database.transaction(
      async (tx) => {
        await work(tx, found.id);
        return readPagesOf(tx, [found.id], options);
      },
      { mode },
    );
    if (page === undefined) throw noPool(params);
    return { status: 200, body: toPlannedPoolView(page) };
  };

  return {
    listPools: async (request) => ({
      status: 200,
      body: pageOf(request.query, await readPages(request), { view: toPoolView, key: pageKey }),
    }),
    getPool: async ({ caller, params }) => {
      const detail = await readPoolDetail(database, await names(caller, params), options);
      if (detail === undefined) throw noPool(params);
      return { status: 200, body: toPoolDetailView(detail) };
    },
    listPlans: async (request) => {
      const show = { view: toPlannedPoolView, key: pageKey };
      return { status: 200, body: pageOf(request.query, await readPages(request), show) };
    },
    getPlan: async ({ caller, params }) => {
      const page = await readPoolPage(database, await names(caller, params), options);
      if (page === undefined) throw noPool(params);
      return { status: 200, body: toPlannedPoolView(page) };
    },
    changePool: (request) =>
      change(request, (tx, poolId) => {
        const { paused, size } = request.body;
        return changePool(kit, tx, {
          poolId,
          by: request.caller,
          paused,
          size:
            size === undefined || size === null
              ? size
              : { instances: size.instances, overridesSchedules: size.overrides_schedules },
        });
      }),
    invalidatePool: (request) =>
      change(request, (tx, poolId) => invalidatePool(kit, tx, { poolId, by: request.caller })),
    resetPool: (request) =>
      change(request, (tx, poolId) => resetPool(kit, tx, { poolId, by: request.caller })),
  };
}

function pageKey({ pool }: PoolPage): string {
  return pool.id;
}

function noPool({ template, preset }: Named): AppError {
  const named = `template "${template}" and preset ${excerpt(preset)}`;
  return new AppError('NOT_FOUND', `there is no pool of ${named}`);
}
