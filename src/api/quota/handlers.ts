// The routes about the quota of an organization.
import type { quotaRoutes } from '../../contract/quota/route.ts';
import type { QuotaView } from '../../contract/quota/schema.ts';
import { toUnits } from '../../domain/quota/amount.ts';
import type { Spending } from '../../domain/quota/spending.ts';
import { enforceQuota, readQuota, type QuotaPage } from '../../people/quota.ts';
import type { Database } from '../../store/database.ts';
import type { Handlers } from '../handler.ts';

export interface QuotaHandlerDeps {
  readonly database: Database;
}

export function createQuotaHandlers({
  database,
}: QuotaHandlerDeps): Handlers<keyof typeof quotaRoutes> {
  return {
    getQuota: async ({ caller, params }) => {
      const page = await readQuota(database, caller, params.organization);
      return { status: 200, body: viewQuota(page) };
    },
    enforceQuota: async ({ caller, params, query, body }) => {
      const page = await enforceQuota(database, caller, {
        ...{ ...params, ...body },
        isDryRun: query.dry_run === 'true',
      });
      return { status: 200, body: viewQuota(page) };
    },
  };
}

function viewQuota({
  organization,
  enforced,
  currencies,
  overspent,
  ...page
}: QuotaPage): QuotaView {
  return {
    ...{ organization, enforced, currencies: [...currencies] },
    mine: viewSpending(page),
    pools: {
      ...viewSpending({ budget: page.poolsBudget, used: page.poolsUsed }),
      daily_need: toUnits(page.poolsNeed),
    },
    overspent:
      overspent?.map((spending) => ({ username: spending.username, ...viewSpending(spending) })) ??
      null,
  };
}

function viewSpending({ budget, used }: Spending): QuotaView['mine'] {
  return { daily_budget: toUnits(budget), daily_use: toUnits(used) };
}
