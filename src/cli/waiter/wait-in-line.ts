// Standing in line until a prebuild is handed over, with the place and the time that is left.
import { AppError } from '../../base/app-error.ts';
import { isErrorCode } from '../../base/error-catalog.ts';
import type { Client } from '../../client/client.ts';
import { waiterRoutes } from '../../contract/waiter/route.ts';
import type { WaiterView } from '../../contract/waiter/schema.ts';
import type { CommandContext } from '../command.ts';
import { insist } from '../session/insist.ts';
import { createProgress } from '../show/progress.ts';
import { formatSeconds } from '../show/time.ts';
import { describePlace } from './describe.ts';

/** The server answers as soon as it is served; on a terminal the seconds are counted. */
const WAIT_MS = 30_000;
const WAIT_ON_TERMINAL_MS = 1_000;
/** At most this often is asked, should the server see an end where this program sees none. */
const LEAST_PAUSE_MS = 100;
/** Who interrupts wants to be gone. */
const LEAVE_TIMEOUT_MS = 5_000;

export interface InLine {
  readonly waiter: WaiterView;
  readonly signal: AbortSignal;
}

/** Gives the workspace's id. Throws what the waiting ended with. */
export async function waitInLine(
  context: CommandContext,
  client: Client,
  { waiter: first, signal }: InLine,
): Promise<string> {
  const { kit, io } = context;
  const progress = createProgress(context);
  const startedMs = kit.clock.monotonicMs();
  const params = { waiter: first.id };
  const query = { wait_ms: io.isErrTty ? WAIT_ON_TERMINAL_MS : WAIT_MS };
  let waiter = first;
  try {
    while (waiter.state === 'waiting') {
      const waited = io.isErrTty ? ` (${formatSeconds(kit.clock.monotonicMs() - startedMs)})` : '';
      progress.say(`${waiter.name} waits for a prebuild: ${describePlace(waiter)}${waited}`);
      const askedMs = kit.clock.monotonicMs();
      const { body } = await insist(kit, signal, () =>
        client.call(waiterRoutes.getWaiter, { params, query }, { signal }),
      );
      waiter = body;
      const early = LEAST_PAUSE_MS - (kit.clock.monotonicMs() - askedMs);
      if (early > 0 && waiter.state === 'waiting') await kit.clock.sleep(early, signal);
    }
  } finally {
    progress.clear();
  }
  if (waiter.workspace_id !== null) return waiter.workspace_id;
  throw endOf(waiter);
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

function endOf({ id, state, error_code: code, error }: WaiterView): AppError {
  const known = code !== null && isErrorCode(code) ? code : 'INTERNAL';
  return new AppError(known, error ?? `waiter ${id} was ${state}`);
}
