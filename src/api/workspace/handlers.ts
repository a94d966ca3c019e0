// Handlers of the routes about workspaces.
import { AppError } from '../../base/app-error.ts';
import type { WorkspaceId } from '../../base/id.ts';
import type { Precedence } from '../../base/precedence.ts';
import type { RouteAnswer } from '../../contract/route.ts';
import type { workspaceRoutes } from '../../contract/workspace/route.ts';
import type { WorkspaceView } from '../../contract/workspace/schema.ts';
import { requireAllowed } from '../../domain/permission/permission.ts';
import type { StartSchedule } from '../../domain/schedule/next-start.ts';
import type { PageOptions } from '../../reconciler/pool-page.ts';
import { orphanWorkspace } from '../../jobs/orphan-workspace.ts';
import { waitFor } from '../../store/long-poll.ts';
import type { NoticeBus } from '../../store/notice-bus.ts';
import { recordUse } from '../../store/life.ts';
import { listBuilds, listWorkspaces } from '../../store/workspace.ts';
import type { WorkspaceRow } from '../../store/workspace-view.ts';
import { changeWorkspace } from '../../workspaces/change-workspace.ts';
import { deletePrebuild, deleteWorkspace } from '../../workspaces/delete-workspace.ts';
import { changeLife, type LifeChange } from '../../workspaces/life/change-life.ts';
import { createWorkspaceCreator } from '../../workspaces/create-workspace.ts';
import type { Enlisted } from '../../workspaces/served.ts';
import { proofOptions, type CreateDeps } from '../../workspaces/order.ts';
import { previewRebuild } from '../../workspaces/preview-rebuild.ts';
import { rebuildWorkspace } from '../../workspaces/rebuild-workspace.ts';
import { startWorkspace } from '../../workspaces/start-workspace.ts';
import { renameWorkspace } from '../../workspaces/rename-workspace.ts';
import { awaitWaiter } from '../../workspaces/waiting/await-waiter.ts';
import { whyOver } from '../../workspaces/waiting/why-over.ts';
import { chosenOwner } from '../chosen-owner.ts';
import type { HandlerRequest, Handlers } from '../handler.ts';
import { idCursor, numberCursor, pageOf, rowsToRead } from '../page.ts';
import { createWaiterViewer } from '../waiter/read-waiter.ts';
import { measureClaim } from './measure-claim.ts';
import { readOwnerValues } from './owner-values.ts';
import { toPlannedBuildView } from './planned-build.ts';
import { createWorkspaceReader } from './read-workspace.ts';
import { toBuildView, toWorkspaceView } from './view.ts';

export interface WorkspaceApiDeps extends CreateDeps {
  readonly bus: Pick<NoticeBus, 'subscribe'>;
  readonly precedence: Pick<Precedence, 'first'>;
}

export interface WorkspaceApiOptions extends PageOptions {
  readonly pollMs: number;
  readonly waitersPerUser: number;
  readonly claimProofTimeoutMs: number;
}

export function createWorkspaceHandlers(
  deps: WorkspaceApiDeps,
  options: WorkspaceApiOptions,
): Handlers<keyof typeof workspaceRoutes> {
  const { database } = deps;
  const { waitersPerUser, pollMs } = options;
  const workspaces = createWorkspaceReader(deps);
  const timeoutMs = options.claimProofTimeoutMs;
  const createWorkspace = createWorkspaceCreator(deps, {
    waitersPerUser,
    proof: proofOptions({ timeoutMs, pollMs }),
  });
  const waiters = createWaiterViewer(deps, options);

  /** Held back for as long as the request says. */
  const answerWaiter = async (
    { waiterId }: Enlisted,
    { caller, body, signal }: HandlerRequest<typeof workspaceRoutes.createWorkspace>,
  ): Promise<RouteAnswer<typeof workspaceRoutes.createWorkspace>> => {
    const wait = { signal, timeoutMs: body.wait_seconds * 1000, pollMs: options.pollMs };
    const row = await awaitWaiter(deps, waiterId, wait);
    if (row === undefined) throw new AppError('NOT_FOUND', `there is no waiter ${waiterId}`);
    if (row.workspaceId !== null) {
      const workspace = await workspaces.read(caller, row.workspaceId);
      return { status: 201, body: { workspace, claimed: true, reason: null } };
    }
    const over = whyOver(row);
    if (over !== undefined) throw over;
    const waiter = await waiters.one(row);
    const { position, eta_seconds, eta_reason } = waiter;
    return { status: 202, body: { waiter, position, eta_seconds, eta_reason } };
  };

  return {
    createWorkspace: async (request) => {
      const { caller, params, headers, body } = request;
      const startedMs = deps.clock.monotonicMs();
      const wanted = {
        organization: params.organization,
        template: body.template,
        name: body.name,
        preset: body.preset,
        parameters: body.parameters ?? {},
        onEmpty: body.on_empty,
        priority: body.priority,
        waitTimeoutSeconds: body.wait_timeout_seconds,
        ttlSeconds: body.ttl_seconds,
        autostart: body.autostart && toSchedule(body.autostart),
        automaticUpdates: body.automatic_updates,
        idempotencyKey: headers['idempotency-key'],
        values: readOwnerValues(body),
      };
      // Not the wait in a line, which may take minutes.
      const answered = await deps.precedence.first(() => createWorkspace(caller, wanted));
      if ('waiterId' in answered) return answerWaiter(answered, request);
      const { claimed, reason, handedOver, isRepeated } = answered;
      const workspace =
        handedOver === undefined
          ? await workspaces.read(caller, answered.workspaceId)
          : await workspaces.show(caller, handedOver);
      // What a request is answered with again was measured when it was given.
      if (claimed && isRepeated !== true) {
        measureClaim(deps, deps.clock.monotonicMs() - startedMs, workspace);
      }
      return { status: 201, body: { workspace, claimed, reason } };
    },
    listWorkspaces: async ({ caller, query }) => {
      const rows = await listWorkspaces.all(database, {
        ownerId: await chosenOwner(database, { caller, owner: query.owner, what: 'workspaces' }),
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
      const settled = await waitFor(
        deps,
        {
          wanted: { kind: 'workspace', workspaceId: id },
          look: async () => {
            const view = await workspaces.read(caller, id);
            return isSettled(view) ? view : undefined;
          },
        },
        wait,
      );
      return { status: 200, body: settled ?? (await workspaces.read(caller, id)) };
    },
    updateWorkspace: async ({ caller, params, body }) => {
      const id = params.workspace as WorkspaceId;
      const { name } = body;
      if (name === undefined) await changeLife(deps, caller, { id, ...toLifeChange(body) });
      else await renameWorkspace(deps, caller, { id, name });
      return { status: 200, body: await workspaces.read(caller, id) };
    },
    recordActivity: async ({ caller, params }) => {
      const id = params.workspace as WorkspaceId;
      await workspaces.read(caller, id);
      await recordUse.run(database, { id });
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
      const { transition, update: updates, parameters } = body;
      if (updates || parameters !== undefined) {
        const rebuild = { id, updates, parameters: parameters ?? {} };
        if ((await rebuildWorkspace(deps, caller, rebuild)) === 'unchanged') {
          return { status: 200, body: await workspaces.read(caller, id) };
        }
      } else if (transition === 'start') await startWorkspace(deps, caller, id);
      else await changeWorkspace(deps, caller, { id, transition });
      return { status: 202, body: await workspaces.read(caller, id) };
    },
    planBuild: async ({ caller, params, body }) => {
      const id = params.workspace as WorkspaceId;
      const { update: updates, parameters = {}, restart: restarts } = body;
      const preview = await previewRebuild(deps, caller, { id, updates, parameters, restarts });
      return { status: 200, body: toPlannedBuildView(id, preview) };
    },
    deletePrebuild: async ({ caller, params }) => {
      const id = params.workspace as WorkspaceId;
      await deletePrebuild(deps, caller, id);
      return { status: 202, body: await workspaces.read(caller, id) };
    },
    deleteWorkspace: async ({ caller, params }) => {
      const id = params.workspace as WorkspaceId;
      await deleteWorkspace(deps, caller, id);
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

/** Nothing will change by itself any more, or it can be used. */
function isSettled({ status, usable, agents }: WorkspaceView): boolean {
  const broken = agents.some(
    ({ lifecycle }) => lifecycle === 'start_error' || lifecycle === 'start_timeout',
  );
  const ended = ['stopped', 'deleted', 'failed', 'canceled'].includes(status);
  return usable || ended || (status === 'running' && broken);
}

/** The schema has seen that a time is one. */
function toLifeChange({
  ttl_seconds: ttlSeconds,
  deadline_at: deadline,
  autostart,
  automatic_updates: automaticUpdates,
  dormant,
}: HandlerRequest<typeof workspaceRoutes.updateWorkspace>['body']): Omit<LifeChange, 'id'> {
  return {
    ...{ ttlSeconds, automaticUpdates },
    deadlineAt: deadline === undefined ? undefined : Date.parse(deadline),
    wakes: dormant === false,
    autostart: autostart && toSchedule(autostart),
  };
}

function toSchedule({
  schedule: cron,
  timezone,
}: {
  readonly schedule: string;
  readonly timezone: string;
}): StartSchedule {
  return { cron, timezone };
}
