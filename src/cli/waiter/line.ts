// Standing in line until a prebuild is handed over, with the place and the time that is left.
import { AppError, toAppError } from '../../base/app-error.ts';
import type { Client } from '../../client/client.ts';
import { waitInLine } from '../../client/wait-in-line.ts';
import { waiterRoutes } from '../../contract/waiter/route.ts';
import type { WaiterView } from '../../contract/waiter/schema.ts';
import type { CommandContext } from '../command.ts';
import { createProgress, heldBackMs } from '../show/progress.ts';
import { formatSeconds } from '../show/time.ts';
import { describePlace } from './describe.ts';

/** Who interrupts wants to be gone. */
const LEAVE_TIMEOUT_MS = 5_000;

export interface InLine {
  readonly waiter: WaiterView;
  readonly signal: AbortSignal;
}

/** Gives the workspace's id. Throws what the waiting ended with. */
export async function waitToBeServed(
  context: CommandContext,
  client: Client,
  { waiter: first, signal }: InLine,
): Promise<string> {
  const { kit, io } = context;
  const progress = createProgress(context);
  const startedMs = kit.clock.monotonicMs();
  const onWaiting = (waiter: WaiterView): void => {
    const waited = io.isErrTty ? ` (${formatSeconds(kit.clock.monotonicMs() - startedMs)})` : '';
    progress.say(`${waiter.name} waits for a prebuild: ${describePlace(waiter)}${waited}`);
  };
  const onAway = (error: unknown): void =>
    progress.say(`${first.name} keeps its place in line; ${toAppError(error).detail}`);
  try {
    const options = { signal, onWaiting, onAway, heldBackMs: heldBackMs(io) };
    return await waitInLine({ ...kit, client }, first, options);
  } finally {
    progress.clear();
  }
}

/** Leaves the line, and tells what came of that. */
export async function leaveLine(client: Client, { id, name }: WaiterView): Promise<string> {
  try {
    const params = { waiter: id };
    await client.call(waiterRoutes.cancelWaiter, { params }, { timeoutMs: LEAVE_TIMEOUT_MS });
    return `${name} does not wait any more; nothing is left of the request.`;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return error.code === 'WAIT_OVER'
      ? `${name} waits no more: see \`standby waiter show ${id}\`.`
      : `${name} may still be waiting (${error.detail}): \`standby waiter cancel ${id}\` ends that.`;
  }
}
