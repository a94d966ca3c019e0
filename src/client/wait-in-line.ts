// Standing in line until a prebuild is handed over.
import { AppError } from '../base/app-error.ts';
import { isErrorCode } from '../base/error-catalog.ts';
import type { Clock } from '../base/clock.ts';
import { waiterRoutes } from '../contract/waiter/route.ts';
import type { WaiterView } from '../contract/waiter/schema.ts';
import { askUntilSettled, type WaitingOptions } from './ask-again.ts';
import type { Client } from './client.ts';

/** Gives the workspace's id. Throws what the waiting ended with. */
export async function waitInLine(
  { client, clock }: { readonly client: Client; readonly clock: Clock },
  first: WaiterView,
  options: WaitingOptions<WaiterView> = {},
): Promise<string> {
  const { signal } = options;
  const params = { waiter: first.id };
  const waiter = await askUntilSettled(clock, first, {
    ...options,
    isSettled: ({ state }) => state !== 'waiting',
    ask: async (waitMs) => {
      const query = { wait_ms: waitMs };
      return (await client.call(waiterRoutes.getWaiter, { params, query }, { signal })).body;
    },
  });
  if (waiter.workspace_id !== null) return waiter.workspace_id;
  throw endOf(waiter);
}

function endOf({ id, state, error_code: code, error }: WaiterView): AppError {
  const known = code !== null && isErrorCode(code) ? code : 'INTERNAL';
  return new AppError(known, error ?? `waiter ${id} was ${state}`);
}
