// The waiter a person means: one of their own by its name, or any they may see by its id.
import { AppError } from '../../base/app-error.ts';
import { isUuid } from '../../base/id.ts';
import type { Client } from '../../client/client.ts';
import { waiterRoutes } from '../../contract/waiter/route.ts';
import type { WaiterView } from '../../contract/waiter/schema.ts';

export const WAITER_ARGUMENT = { summary: 'the name of its workspace, or its id' } as const;

/** The newest of that name. Throws NOT_FOUND. */
export async function findWaiter(client: Client, nameOrId: string): Promise<WaiterView> {
  if (isUuid(nameOrId)) {
    const params = { waiter: nameOrId };
    return (await client.call(waiterRoutes.getWaiter, { params, query: {} })).body;
  }
  const query = { name: nameOrId, limit: 1 };
  const { body } = await client.call(waiterRoutes.listWaiters, { query });
  const [found] = body.items;
  if (found !== undefined) return found;
  throw new AppError('NOT_FOUND', {
    detail: `you have no waiter "${nameOrId}"`,
    hint: '`standby waiter list` shows yours.',
  });
}
