// Starting and stopping a workspace, and waiting for it.
import type { Client } from '../../client/client.ts';
import { workspaceRoutes } from '../../contract/workspace/route.ts';
import type { WorkspaceView } from '../../contract/workspace/schema.ts';
import type { CommandContext } from '../command.ts';
import { sentence } from '../show/harmless.ts';
import { askPatiently } from './ask-patiently.ts';
import { describeOpening } from './describe.ts';
import { waitUntil } from './wait.ts';

export interface Changed {
  readonly client: Client;
  readonly id: WorkspaceView['id'];
  /** Ends when the build was begun. */
  readonly noWait?: boolean;
  readonly signal: AbortSignal;
}

export async function stopWorkspace(
  context: CommandContext,
  changed: Changed,
): Promise<WorkspaceView> {
  const { client, noWait = false, signal } = changed;
  const workspace = await begin(context, 'stop', changed);
  return noWait ? workspace : waitUntil('stopped', context, { client, workspace, signal });
}

export async function startWorkspace(
  context: CommandContext,
  changed: Changed,
): Promise<WorkspaceView> {
  const { client, noWait = false, signal } = changed;
  const workspace = await begin(context, 'start', changed);
  return noWait ? workspace : waitUntil('usable', context, { client, workspace, signal });
}

/** That it can be used, and how to open it. */
export function tellStarted(workspace: WorkspaceView): string {
  const opening = describeOpening(workspace);
  const state = workspace.usable ? 'is ready' : `is ${workspace.status}`;
  const open = workspace.usable && opening !== '' ? sentence`Open it: ${opening}\n` : '';
  return sentence`${workspace.name} ${state}.\n` + open;
}

/** Asked for again it is the same build: whoever waits for its end also waits for the answer. */
async function begin(
  context: CommandContext,
  transition: 'start' | 'stop',
  { client, id, noWait = false, signal }: Changed,
): Promise<WorkspaceView> {
  const request = { params: { workspace: id }, body: { transition } };
  const ask = async (): Promise<WorkspaceView> =>
    (await client.call(workspaceRoutes.createBuild, request, { signal })).body;
  return noWait ? ask() : askPatiently(context, signal, ask);
}
