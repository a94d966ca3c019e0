// Handlers of the routes about templates. Members see them; administrators change them.
import { AppError } from '../../base/app-error.ts';
import { excerpt } from '../../base/excerpt.ts';
import type { PoolId } from '../../base/id.ts';
import type { Kit } from '../../base/kit.ts';
import type { templateRoutes } from '../../contract/template/route.ts';
import type { TemplateChangeView, VersionView } from '../../contract/template/schema.ts';
import { requireAllowed, type Action } from '../../domain/permission/permission.ts';
import { getVisibleOrganization } from '../../people/organization.ts';
import { readPagesOf, type PageOptions } from '../../reconciler/pool-page.ts';
import type { Database, Transaction } from '../../store/database.ts';
import { listJobsById } from '../../store/job-view.ts';
import { findVersion, listVersions, type VersionRow } from '../../store/template-version.ts';
import {
  countWorkspaces,
  findTemplate,
  getTemplate as getTemplateRow,
  listTemplates,
  type TemplateRow,
} from '../../store/template.ts';
import { deleteTemplate } from '../../templates/delete-template.ts';
import { deprecateTemplate } from '../../templates/deprecate-template.ts';
import { invalidateTemplate } from '../../templates/invalidate-template.ts';
import type { HeldCanary } from '../../templates/canary.ts';
import {
  NOTHING_AWAITED,
  promoteVersion,
  type AwaitedRehearsals,
} from '../../templates/promote-version.ts';
import { pushVersion } from '../../templates/push-version.ts';
import type { Handlers, PersonCaller } from '../handler.ts';
import { numberCursor, pageOf, rowsToRead } from '../page.ts';
import { toPlannedPoolView } from '../pool/view.ts';
import { toTemplateView, toVersionView } from './view.ts';

interface Named {
  readonly organization: string;
  readonly template: string;
}

interface Change {
  readonly caller: PersonCaller;
  readonly params: Named;
  readonly query: { readonly dry_run?: 'true' | 'false' | undefined };
}

type ChangeAction = Extract<
  Action,
  'template.promote' | 'template.deprecate' | 'template.delete' | 'template.invalidate'
>;

/** Above every version's number. */
const NO_NUMBER = 2_147_483_647;

export interface TemplateApiDeps {
  readonly kit: Kit;
  readonly database: Database;
}

export function createTemplateHandlers(
  deps: TemplateApiDeps,
  options: PageOptions,
): Handlers<keyof typeof templateRoutes> {
  const { kit, database } = deps;
  const budgetOptions = { maxInFlight: options.maxCreationsInFlight };

  const getTemplate = async (caller: PersonCaller, named: Named): Promise<TemplateRow> => {
    const organization = await getVisibleOrganization(database, caller, named.organization);
    const found = await findTemplate(database, organization.id, named.template);
    if (found === undefined) {
      throw new AppError('NOT_FOUND', `there is no template ${excerpt(named.template)}`);
    }
    return found;
  };

  const viewVersions = async (rows: readonly VersionRow[]): Promise<VersionView[]> => {
    const jobs = await listJobsById.all(database, { ids: rows.map((row) => row.importJobId) });
    const byId = new Map(jobs.map((job) => [job.id, job]));
    return rows.flatMap((row) => {
      const job = byId.get(row.importJobId);
      return job === undefined ? [] : [toVersionView(row, job)];
    });
  };

  const getVersion = async (template: TemplateRow, name: string): Promise<VersionView> => {
    const row = await findVersion(database, template.id, name);
    const [view] = row === undefined ? [] : await viewVersions([row]);
    if (view !== undefined) return view;
    throw new AppError(
      'NOT_FOUND',
      `template ${excerpt(template.name)} has no version ${excerpt(name)}`,
    );
  };

  /** Does it, and tells what comes of it; a dry run takes it back again. */
  const change = async (
    { caller, params, query }: Change,
    action: ChangeAction,
    work: (tx: Transaction, template: TemplateRow) => Promise<readonly PoolId[]>,
  ): Promise<{ readonly status: 200; readonly body: TemplateChangeView }> => {
    const template = await getTemplate(caller, params);
    requireAllowed(caller, action, { isMember: true });
    const mode = query.dry_run === 'true' ? 'dry_run' : 'write';
    const body = await database.transaction(
      async (tx) => {
        const pools = await readPagesOf(tx, await work(tx, template), options);
        return {
          template: toTemplateView(await getTemplateRow(tx, template.id)),
          pools: pools.map(toPlannedPoolView),
          workspaces: (await countWorkspaces.one(tx, template)).count,
          rehearsed_first: [],
        };
      },
      { mode },
    );
    return { status: 200, body };
  };

  return {
    listTemplates: async ({ caller, params, query }) => {
      const { id } = await getVisibleOrganization(database, caller, params.organization);
      const page = { after: query.cursor ?? '', limit: rowsToRead(query) };
      const rows = await listTemplates(database, id, page);
      const show = { view: toTemplateView, key: (row: TemplateRow) => row.name };
      return { status: 200, body: pageOf(query, rows, show) };
    },
    getTemplate: async ({ caller, params }) => ({
      status: 200,
      body: toTemplateView(await getTemplate(caller, params)),
    }),
    pushVersion: async ({ caller, params, query, body }) => {
      const { id } = await getVisibleOrganization(database, caller, params.organization);
      requireAllowed(caller, 'template.push', { isMember: true });
      const pushed = await pushVersion(deps, {
        organizationId: id,
        template: params.template,
        archive: body,
        versionName: query.name,
        message: query.message ?? '',
        pushedBy: caller.userId,
      });
      const template = await getTemplate(caller, params);
      return { status: 201, body: await getVersion(template, pushed.name) };
    },
    listVersions: async ({ caller, params, query }) => {
      const template = await getTemplate(caller, params);
      const rows = await listVersions(database, template.id, {
        before: numberCursor(query) ?? NO_NUMBER,
        limit: rowsToRead(query),
      });
      const show = { view: (row: VersionRow) => row, key: (row: VersionRow) => String(row.number) };
      const { items, next_cursor } = pageOf(query, rows, show);
      return {
        status: 200,
        body: { items: await viewVersions(items), next_cursor },
      };
    },
    getVersion: async ({ caller, params }) => ({
      status: 200,
      body: await getVersion(await getTemplate(caller, params), params.version),
    }),
    promoteVersion: async (request) => {
      const { version } = request.params;
      const isDryRun = request.query.dry_run === 'true';
      let awaited = NOTHING_AWAITED;
      const answer = await change(request, 'template.promote', async (tx, template) => {
        const by = request.caller;
        const promotion = { template, version, by, options: budgetOptions, isDryRun };
        const promoted = await promoteVersion(kit, tx, promotion);
        ({ awaited } = promoted);
        return promoted.poolIds;
      });
      // What has begun is to stay, so that this is no error of the transaction.
      if (awaited.presets.length > 0 && !isDryRun) throw rehearsalPending(request.params, awaited);
      return { ...answer, body: { ...answer.body, rehearsed_first: [...awaited.presets] } };
    },
    deprecateTemplate: (request) =>
      change(request, 'template.deprecate', (tx, template) => {
        const { message } = request.body;
        return deprecateTemplate(kit, tx, { template, message, by: request.caller });
      }),
    deleteTemplate: (request) =>
      change(request, 'template.delete', (tx, template) =>
        deleteTemplate(kit, tx, { template, by: request.caller }),
      ),
    invalidateTemplate: (request) =>
      change(request, 'template.invalidate', (tx, template) =>
        invalidateTemplate(kit, tx, { template, by: request.caller }),
      ),
  };
}

function rehearsalPending(
  { template, version }: { readonly template: string; readonly version: string },
  { presets, held }: AwaitedRehearsals,
): AppError {
  const named = presets.map((preset) => `"${preset}"`).join(', ');
  return new AppError('REHEARSAL_PENDING', {
    detail: `version "${version}" of template "${template}" is not promoted yet: a claim of ${named} is rehearsed first${held.map(describeHeld).join('')}`,
    fields: { presets: [...presets] },
  });
}

const HELD: Readonly<Record<HeldCanary['by'], string>> = {
  budget: 'as many creations as may be are under way in the organization',
  quota: 'the pools of the organization may not spend what it costs',
};

function describeHeld({ preset, by }: HeldCanary): string {
  return `; the canary of "${preset}" waits: ${HELD[by]}`;
}
