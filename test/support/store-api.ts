// Some routes over a socket, on a database that a test fills by hand; a caller is whoever a token names.
import type { AddressInfo } from 'node:net';
import { createApi } from '../../src/api/http/api.ts';
import { createHttpServer, type HttpServer } from '../../src/api/http/server.ts';
import type { Handlers, PersonCaller } from '../../src/api/handler.ts';
import type { TokenId, UserId } from '../../src/base/id.ts';
import { createClient, type Client } from '../../src/client/client.ts';
import type { RouteId } from '../../src/contract/routes.ts';
import type { TestStore } from './store.ts';

export interface StoreApi extends AsyncDisposable {
  readonly url: AddressInfo['address'];
  readonly server: HttpServer;
  as(userId: UserId, isAdmin?: boolean): Client;
}

export async function startStoreApi<Id extends RouteId>(
  { kit }: TestStore,
  handlers: Handlers<Id>,
  port = 0,
): Promise<StoreApi> {
  const nobody = (): Promise<undefined> => Promise.resolve(undefined);
  const api = createApi(kit, {
    handlers,
    authenticators: {
      person: (token) => Promise.resolve(callerOf(token)),
      ...{ provisioner: nobody, agent_bootstrap: nobody, agent: nobody, metrics: nobody },
    },
    eventStreams: { maxPerCaller: 100 },
  });
  const server = createHttpServer(kit, api, { host: '127.0.0.1', port });
  await server.start();
  const { url } = server.address();
  return {
    url,
    server,
    as: (userId, isAdmin = false) =>
      createClient({ url, token: `sbt_${isAdmin ? 'admin' : 'person'}_${userId}` }),
    [Symbol.asyncDispose]: async () => {
      await server.stop('the test is over', 10_000);
    },
  };
}

function callerOf(token: string): PersonCaller {
  const [, role, userId = ''] = token.split('_');
  return {
    userId: userId as UserId,
    username: 'somebody',
    displayName: 'Somebody',
    isAdmin: role === 'admin',
    tokenId: '' as TokenId,
  };
}
