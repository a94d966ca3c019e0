// Building a workspace anew, which is stopped first where it runs.
import { AppError } from '../../base/app-error.ts';
import type { RouteAnswer, RouteInput } from '../../contract/route.ts';
import { workspaceRoutes } from '../../contract/workspace/route.ts';
import type { CommandContext } from '../command.ts';
import { askPatiently } from './ask-patiently.ts';
import { stopWorkspace, type Changed } from './change.ts';

export type RebuildBody = Omit<
  RouteInput<typeof workspaceRoutes.createBuild>['body'],
  'transition'
>;

/** 200: it runs as it would be built, and nothing was begun. */
export async function beginRebuild(
  context: CommandContext,
  changed: Omit<Changed, 'noWait'>,
  wanted: RebuildBody,
): Promise<RouteAnswer<typeof workspaceRoutes.createBuild>> {
  const { client, id, signal } = changed;
  const params = { workspace: id };
  const begin = () => {
    const body = { ...wanted, transition: 'start' } as const;
    return client.call(workspaceRoutes.createBuild, { params, body }, { signal });
  };
  try {
    return await begin();
  } catch (error) {
    if (!isRefusal(error, ['WORKSPACE_RUNNING'])) throw error;
  }
  const { latest_build: stop } = await stopWorkspace(context, changed);
  /** Where an answer was lost: what has been begun since the stop is what was asked for. */
  const findBegun = async (refusal: unknown) => {
    if (!isRefusal(refusal, ['BUILD_IN_PROGRESS', 'WORKSPACE_RUNNING'])) throw refusal;
    const { body } = await client.call(
      workspaceRoutes.getWorkspace,
      { params, query: {} },
      { signal },
    );
    const { number, reason } = body.latest_build;
    if (number === stop.number || reason !== reasonOf(wanted)) throw refusal;
    return body;
  };
  const body = await askPatiently(context, signal, async (isRepeated) => {
    const begun = begin().then((answer) => answer.body);
    return isRepeated ? begun.catch(findBegun) : begun;
  });
  return { status: 202, body };
}

/** As its build gives it. */
function reasonOf({ update = false }: RebuildBody): string {
  return update ? 'update' : 'rebuild';
}

function isRefusal(error: unknown, codes: readonly AppError['code'][]): boolean {
  return error instanceof AppError && codes.includes(error.code);
}
