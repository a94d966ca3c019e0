// Handlers of the routes about workspaces.
import { AppError } from '../../base/app-error.ts';
import { excerpt } from '../../base/excerpt.ts';
import type { UserId, WorkspaceId } from '../../base/id.ts';
import type { workspaceRoutes } from '../../contract/workspace/route.ts';
import type { WorkspaceView } from '../../contract/workspace/schema.ts';
import { requireAllowed } from '../../domain/permission/permission.ts';
import { orphanWorkspace } from '../../jobs/orphan-workspace.ts';
import type { Executor } from '../../store/statement.ts';
import { waitFor } from '../../store/long-poll.ts';
import type { NoticeBus } from '../../store/notice-bus.ts';
import { findUser } from '../../store/user.ts';
import { listBuilds, listWorkspaces } from '../../store/workspace.ts';
import type { WorkspaceRow } from '../../store/workspace-view.ts';
import { changeWorkspace } from '../../workspaces/change-workspace.ts';
import { createWorkspaceCreator } from '../../workspaces/create-workspace.ts';
import type { CreateDeps } from '../../workspaces/order.ts';
import type { Handlers, PersonCaller } from '../handler.ts';
import { idCursor, numberCursor, pageOf, rowsToRead } from '../page.ts';
import { createWorkspaceReader } from './read-workspace.ts';
import { toBuildView, toWorkspaceView } from './view.ts';

export interface WorkspaceApiDeps extends CreateDeps {
  readonly bus: Pick<NoticeBus, 'subscribe'>;
}

/** `owner=all` lists everybody's. */
const EVERYBODY = 'all';
const MYSELF = 'me';

export function createWorkspaceHandlers(
  deps: WorkspaceApiDeps,
  options: { readonly pollMs: number },
): Handlers<keyof typeof workspaceRoutes> {
  const { database } = deps;
  const workspaces = createWorkspaceReader(deps);
  const createWorkspace = createWorkspaceCreator(deps);
  return {
    createWorkspace: async ({ caller, params, headers, body }) => {
      const startedMs = deps.clock.monotonicMs();
      const created = await createWorkspace(caller, {
        organization: params.organization,
        template: body.template,
        name: body.name,
        preset: body.preset,
        parameters: body.parameters ?? {},
        onEmpty: body.on_empty,
        idempotencyKey: headers['idempotency-key'],
      });
      const workspace =
        created.handedOver === undefined
          ? await workspaces.read(caller, created.workspaceId)
          : await workspaces.show(caller, created.handedOver);
      const { claimed, reason } = created;
      if (claimed) measureClaim(deps, deps.clock.monotonicMs() - startedMs, workspace);
      return { status: 201, body: { workspace, claimed, reason } };
    },
    listWorkspaces: async ({ caller, query }) => {
      const rows = await listWorkspaces.all(database, {
        ownerId: await chosenOwner(database, caller, query.owner ?? MYSELF),
        name: query.name ?? null,
        template: query.template ?? null,
        before: idCursor<WorkspaceId>(query),
        limit: rowsToRead(query),
      });
      const show = {
        view: (row: WorkspaceRow) => toWorkspaceView(row),
        key: (row: { readonly id: string }) => row.id,
      };
      return { status: 200, body: pageOf(query, rows, show) };
    },
    getWorkspace: async ({ caller, params, query, signal }) => {
      const id = params.workspace as WorkspaceId;
      const wait = { signal, timeoutMs: query.wait_ms ?? 0, pollMs: options.pollMs };
      await waitFor(
        deps,
        {
          wanted: (notice) => notice.kind === 'workspace' && notice.workspaceId === id,
          look: async () => {
            const view = await workspaces.read(caller, id);
            return isSettled(view) ? view : undefined;
          },
        },
        wait,
      );
      return { status: 200, body: await workspaces.read(caller, id) };
    },
    listBuilds: async ({ caller, params, query }) => {
      const { id } = await workspaces.read(caller, params.workspace as WorkspaceId);
      const rows = await listBuilds.all(database, {
        workspaceId: id as WorkspaceId,
        before: numberCursor(query),
        limit: rowsToRead(query),
      });
      const show = {
        view: toBuildView,
        key: (row: { readonly number: number }) => String(row.number),
      };
      return { status: 200, body: pageOf(query, rows, show) };
    },
    createBuild: async ({ caller, params, body }) => {
      const id = params.workspace as WorkspaceId;
      await changeWorkspace(deps, caller, { id, transition: body.transition });
      return { status: 202, body: await workspaces.read(caller, id) };
    },
    deleteWorkspace: async ({ caller, params }) => {
      const id = params.workspace as WorkspaceId;
      await changeWorkspace(deps, caller, { id, transition: 'delete' });
      return { status: 202, body: await workspaces.read(caller, id) };
    },
    orphanWorkspace: async ({ caller, params }) => {
      const id = params.workspace as WorkspaceId;
      await workspaces.read(caller, id);
      requireAllowed(caller, 'workspace.orphan');
      const { leftBehind } = await orphanWorkspace(deps, caller.userId, id);
      const workspace = await workspaces.read(caller, id);
      return { status: 200, body: { workspace, left_behind: [...leftBehind] } };
    },
  };
}

/** One that still has to be built is ready when that has ended, which is measured there. */
function measureClaim({ meter }: WorkspaceApiDeps, ms: number, workspace: WorkspaceView): void {
  meter.observe('claim_duration', ms);
  if (workspace.usable) meter.observe('claim_to_ready', ms);
}

/** Nothing will change by itself any more, or it can be used. */
function isSettled({ status, usable, agents }: WorkspaceView): boolean {
  const broken = agents.some(
    ({ lifecycle }) => lifecycle === 'start_error' || lifecycle === 'start_timeout',
  );
  const ended = ['stopped', 'deleted', 'failed', 'canceled'].includes(status);
  return usable || ended || (status === 'running' && broken);
}

async function chosenOwner(
  on: Executor,
  caller: PersonCaller,
  owner: string,
): Promise<UserId | null> {
  if (owner === MYSELF || owner === caller.username) return caller.userId;
  if (!caller.isAdmin) {
    throw new AppError(
      'FORBIDDEN',
      `only administrators may list the workspaces of ${excerpt(owner)}`,
    );
  }
  if (owner === EVERYBODY) return null;
  const user = await findUser(on, owner);
  if (user === undefined) throw new AppError('NOT_FOUND', `there is no user ${excerpt(owner)}`);
  return user.id;
}
