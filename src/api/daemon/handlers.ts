// The routes by which people manage provisioner keys and see daemons.
import type { DaemonId, OrganizationId, ProvisionerKeyId } from '../../base/id.ts';
import type { Kit } from '../../base/kit.ts';
import type { daemonRoutes } from '../../contract/daemon/route.ts';
import { requireAllowed } from '../../domain/permission/permission.ts';
import { getVisibleOrganization } from '../../people/organization.ts';
import { createProvisionerKey, revokeProvisionerKey } from '../../people/provisioner-key.ts';
import { listDaemons, type DaemonRow } from '../../store/daemon-view.ts';
import type { Database } from '../../store/database.ts';
import { listJobsById } from '../../store/job-view.ts';
import { listProvisionerKeys, type ProvisionerKeyRow } from '../../store/provisioner-key.ts';
import type { Handlers, PersonCaller } from '../handler.ts';
import { idCursor, pageOf, rowsToRead } from '../page.ts';
import { viewDaemon, viewProvisionerKey } from './view.ts';

export interface DaemonHandlerDeps {
  readonly kit: Kit;
  readonly database: Database;
}

export function createDaemonHandlers(deps: DaemonHandlerDeps): Handlers<keyof typeof daemonRoutes> {
  const { database } = deps;
  /** Null when none was named. */
  const findFilter = async (
    caller: PersonCaller,
    organization: string | undefined,
  ): Promise<OrganizationId | null> => {
    if (organization === undefined) return null;
    return (await getVisibleOrganization(database, caller, organization)).id;
  };
  return {
    listDaemons: async ({ caller, query }) => {
      const rows = await listDaemons.all(database, {
        organizationId: await findFilter(caller, query.organization),
        asMember: caller.isAdmin ? null : caller.userId,
        before: idCursor<DaemonId>(query),
        limit: rowsToRead(query),
      });
      const ids = rows.flatMap((row) => row.jobIds);
      const jobs = ids.length === 0 ? [] : await listJobsById.all(database, { ids });
      const jobById = new Map(jobs.map((job) => [job.id, job]));
      const view = (row: DaemonRow): ReturnType<typeof viewDaemon> => viewDaemon(row, jobById);
      const show = { view, key: (row: DaemonRow) => row.id };
      return { status: 200, body: pageOf(query, rows, show) };
    },

    listProvisionerKeys: async ({ caller, query }) => {
      requireAllowed(caller, 'provisioner_key.list');
      const rows = await listProvisionerKeys.all(database, {
        organizationId: await findFilter(caller, query.organization),
        before: idCursor<ProvisionerKeyId>(query),
        limit: rowsToRead(query),
      });
      const show = { view: viewProvisionerKey, key: (row: ProvisionerKeyRow) => row.id };
      return { status: 200, body: pageOf(query, rows, show) };
    },

    createProvisionerKey: async ({ caller, body }) => {
      const { name, organization, tags = {} } = body;
      const { key, secret } = await createProvisionerKey(deps, caller, {
        name,
        organization,
        tags,
      });
      return { status: 201, body: { key: viewProvisionerKey(key), secret } };
    },

    revokeProvisionerKey: async ({ caller, params }) => {
      await revokeProvisionerKey(database, caller, params.key as ProvisionerKeyId);
      return { status: 204, body: null };
    },
  };
}
