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

export type LineOptions = WaitingOptions<WaiterView> & Pick<Patience, 'onAway'>;

/**
 * Gives the workspace's id. Throws what the waiting ended with. The place in line is kept while nobody answers, so
 * that is asked until its deadline has passed.
 */
export async function waitInLine(
  { client, clock, rng }: LineDeps,
  first: WaiterView,
  { onAway, ...options }: LineOptions = {},
): Promise<string> {
  const { signal } = options;
  // By this machine's clock, which need not agree with the server's. Who came to it later asks a little longer.
  const waitsMs = Date.parse(first.deadline_at) - Date.parse(first.created_at);
  const patience = { signal, onAway, untilMs: clock.monotonicMs() + waitsMs };
  const params = { waiter: first.id };
  const waiter = await askUntilSettled(clock, first, {
    ...options,
    isSettled: ({ state }) => state !== 'waiting',
    ask: (waitMs) =>
      persist({ clock, rng }, patience, async () => {
        const query = { wait_ms: waitMs };
        return (await client.call(waiterRoutes.getWaiter, { params, query }, { signal })).body;
      }),
  });
  if (waiter.workspace_id !== null) return waiter.workspace_id;
  throw endOf(waiter);
}

function endOf({ id, state, error_code: code, error }: WaiterView): AppError {
  const known = code !== null && isErrorCode(code) ? code : 'INTERNAL';
  return new AppError(known, error ?? `waiter ${id} was ${state}`);
}
