// Handlers of the routes about templates. Members see them; administrators push and promote.
import { AppError } from '../../base/app-error.ts';
import { excerpt } from '../../base/excerpt.ts';
import type { Kit } from '../../base/kit.ts';
import type { templateRoutes } from '../../contract/template/route.ts';
import type { VersionView } from '../../contract/template/schema.ts';
import { requireAllowed } from '../../domain/permission/permission.ts';
import { getVisibleOrganization } from '../../people/organization.ts';
import type { Database } from '../../store/database.ts';
import { listJobsById } from '../../store/job-view.ts';
import { findVersion, listVersions, type VersionRow } from '../../store/template-version.ts';
import { findTemplate, listTemplates, type TemplateRow } from '../../store/template.ts';
import { promoteVersion } from '../../templates/promote-version.ts';
import { pushVersion } from '../../templates/push-version.ts';
import type { Handlers, PersonCaller } from '../handler.ts';
import { numberCursor, pageOf, rowsToRead } from '../page.ts';
import { toTemplateView, toVersionView } from './view.ts';

interface Named {
  readonly organization: string;
  readonly template: string;
}

/** Above every version's number. */
const NO_NUMBER = 2_147_483_647;

export function createTemplateHandlers(deps: {
  readonly kit: Kit;
  readonly database: Database;
}): Handlers<keyof typeof templateRoutes> {
  const { database } = deps;

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
    promoteVersion: async ({ caller, params }) => {
      const template = await getTemplate(caller, params);
      requireAllowed(caller, 'template.promote', { isMember: true });
      await promoteVersion(database, template, params.version);
      return { status: 200, body: toTemplateView(await getTemplate(caller, params)) };
    },
  };
}
