// Handlers of the routes about waiters.
import type { WaiterId } from '../../base/id.ts';
import type { Kit } from '../../base/kit.ts';
import type { waiterRoutes } from '../../contract/waiter/route.ts';
import type { WaiterView } from '../../contract/waiter/schema.ts';
import type { PageOptions } from '../../reconciler/pool-page.ts';
import type { Database } from '../../store/database.ts';
import type { NoticeBus } from '../../store/notice-bus.ts';
import { listWaiters } from '../../store/waiter.ts';
import { awaitWaiter } from '../../workspaces/waiting/await-waiter.ts';
import { cancelWaiter } from '../../workspaces/waiting/end-waiters.ts';
import { chosenOwner } from '../chosen-owner.ts';
import type { Handlers } from '../handler.ts';
import { idCursor, pageOf, rowsToRead } from '../page.ts';
import { createWaiterViewer, findOwnWaiter } from './read-waiter.ts';

export interface WaiterApiDeps extends Kit {
  readonly database: Database;
  readonly bus: Pick<NoticeBus, 'subscribe'>;
}

export function createWaiterHandlers(
  deps: WaiterApiDeps,
  options: PageOptions & { readonly pollMs: number },
): Handlers<keyof typeof waiterRoutes> {
  const { database } = deps;
  const view = createWaiterViewer(deps, options);
  return {
    listWaiters: async ({ caller, query }) => {
      const rows = await listWaiters.all(database, {
        ownerId: await chosenOwner(database, { caller, owner: query.owner, what: 'waiters' }),
        name: query.name ?? null,
        template: query.template ?? null,
        state: query.state ?? null,
        before: idCursor<WaiterId>(query),
        limit: rowsToRead(query),
      });
      const show = { view: (one: WaiterView) => one, key: (one: WaiterView) => one.id };
      return { status: 200, body: pageOf(query, await view.all(rows), show) };
    },
    getWaiter: async ({ caller, params, query, signal }) => {
      const id = params.waiter as WaiterId;
      const row = await findOwnWaiter(deps, caller, id);
      const wait = { signal, timeoutMs: query.wait_ms ?? 0, pollMs: options.pollMs };
      return { status: 200, body: await view.one((await awaitWaiter(deps, id, wait)) ?? row) };
    },
    cancelWaiter: async ({ caller, params }) => {
      const id = params.waiter as WaiterId;
      await cancelWaiter(deps, await findOwnWaiter(deps, caller, id));
      return { status: 200, body: await view.one(await findOwnWaiter(deps, caller, id)) };
    },
  };
}
