// Standing in line until a prebuild is handed over.
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { isErrorCode } from '../base/error-catalog.ts';
import { waiterRoutes } from '../contract/waiter/route.ts';
import type { WaiterView } from '../contract/waiter/schema.ts';
import { askUntilSettled, type WaitingOptions } from './ask-again.ts';
import type { Client } from './client.ts';
import { persist, type Patience, type Persistence } from './insist.ts';

export interface LineDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly rng: Persistence['rng'];
}

export type LineOptions = Omit<WaitingOptions<WaiterView>, 'untilAnswered'> &
  Pick<Patience, 'onAway'>;

/** How late the answer to the last question may be. */
const LATE_MS = 5_000;
/** How late any other may be. */
const TIMEOUT_MS = 30_000;
/** A server may see time left where this program sees none. */
const LEAST_HELD_BACK_MS = 1_000;

/**
 * Gives the workspace's id. Throws what the waiting ended with. The place in line is kept while nobody answers, so
 * that is asked until its deadline has passed, and for a few seconds more at most.
 */
export async function waitInLine(
  { client, clock, rng }: LineDeps,
  first: WaiterView,
  { onAway, ...options }: LineOptions = {},
): Promise<string> {
  const { signal } = options;
  // By this machine's clock, which need not agree with the server's. Who came to it later asks a little longer.
  const waitsMs = Date.parse(first.deadline_at) - Date.parse(first.created_at);
  const untilMs = clock.monotonicMs() + waitsMs;
  const patience = { signal, onAway, untilMs };
  const params = { waiter: first.id };
  const waiter = await askUntilSettled(clock, first, {
    ...options,
    isSettled: ({ state }) => state !== 'waiting',
    untilAnswered: (ask) => persist({ clock, rng }, patience, ask),
    ask: async (heldBackMs) => {
      const leftMs = Math.max(0, untilMs - clock.monotonicMs());
      const waitMs = Math.min(heldBackMs, Math.max(LEAST_HELD_BACK_MS, Math.ceil(leftMs)));
      const query = { wait_ms: waitMs };
      const timeoutMs = Math.min(TIMEOUT_MS, Math.max(0, leftMs - waitMs) + LATE_MS);
      const options = { signal, timeoutMs };
      return (await client.call(waiterRoutes.getWaiter, { params, query }, options)).body;
    },
  });
  if (waiter.workspace_id !== null) return waiter.workspace_id;
  throw endOf(waiter);
}

function endOf({ id, state, error_code: code, error }: WaiterView): AppError {
  const known = code !== null && isErrorCode(code) ? code : 'INTERNAL';
  return new AppError(known, error ?? `waiter ${id} was ${state}`);
}
