// An API on a database of its own and a socket of its own, with an administrator who holds a token.
import { createHash } from 'node:crypto';
import { createKit, type Kit } from '../../src/base/kit.ts';
import { silentLog, type Log } from '../../src/base/log.ts';
import { createToken } from '../../src/base/token.ts';
import { createHealthHandlers } from '../../src/api/health.ts';
import type { Handlers } from '../../src/api/handler.ts';
import { createApi, type Api } from '../../src/api/http/api.ts';
import type { Authenticators } from '../../src/api/http/authenticate.ts';
import type { EventStreamsOptions } from '../../src/api/http/event-streams.ts';
import { createHttpServer, type HttpServer } from '../../src/api/http/server.ts';
import { createDescriptionHandlers } from '../../src/api/openapi/handlers.ts';
import { createPeopleHandlers } from '../../src/api/people/handlers.ts';
import { createClient, type Client } from '../../src/client/client.ts';
import { peopleRoutes } from '../../src/contract/people/route.ts';
import {
  createPersonAuthenticator,
  createProvisionerAuthenticator,
} from '../../src/people/authenticate.ts';
import { bootstrapInstallation } from '../../src/people/bootstrap.ts';
import { createDatabase, type ConnectionParts, type Database } from '../../src/store/database.ts';
import { openKeyring, type Keyring } from '../../src/keys/keyring.ts';
import { createNoticeBus } from '../../src/store/notice-bus.ts';
import { createTestDatabase } from './postgres.ts';
import { TEST_SECRET_KEY } from './store.ts';

export interface TestApi extends AsyncDisposable {
  readonly kit: Kit;
  readonly database: Database;
  readonly api: Api;
  readonly server: HttpServer;
  readonly url: string;
  readonly adminToken: string;
  readonly provisionerKey: string;
  readonly admin: Client;
  clientWith(token: string | undefined): Client;
  /** Rows of any statement. */
  sql(text: string, values?: readonly unknown[]): Promise<readonly (readonly unknown[])[]>;
  /** Makes a user who belongs to the organizations, and gives a client and token of theirs. */
  person(
    username: string,
    organizations?: readonly string[],
  ): Promise<{ readonly client: Client; readonly token: string }>;
  /** One request as it is, for what no client sends. */
  send(path: string, init?: RequestInit): Promise<Response>;
}

export interface TestApiOptions {
  /** Beside those of health, the description and people. */
  readonly handlers?: (deps: {
    readonly kit: Kit;
    readonly database: Database;
    readonly keyring: Keyring;
  }) => Partial<Handlers>;
  readonly authenticators?: Partial<Authenticators>;
  readonly eventStreams?: Partial<EventStreamsOptions>;
  readonly log?: Log;
  /** Where the database is reached, if not where it is. */
  readonly through?: (connection: ConnectionParts) => Promise<ConnectionParts>;
  readonly drainTimeoutMs?: number;
  readonly headersTimeoutMs?: number;
}

export async function startTestApi(options: TestApiOptions = {}): Promise<TestApi> {
  const kit = createKit(options.log ?? silentLog);
  const testDatabase = await createTestDatabase();
  const database = createDatabase(kit, {
    connection: (await options.through?.(testDatabase.connection)) ?? testDatabase.connection,
    maxConnections: 8,
    applicationName: 'test api',
  });
  const bus = createNoticeBus({ ...kit, database }, { alone: true });
  const adminToken = createToken(kit.rng, 'sbt').secret;
  const provisionerKey = createToken(kit.rng, 'sbp').secret;
  await bootstrapInstallation({ kit, database }, { adminToken, provisionerKey });

  const keyring = await openKeyring({ ...kit, database, secretKey: TEST_SECRET_KEY });
  const handlers = {
    ...createHealthHandlers({ database, version: 'test' }),
    ...createDescriptionHandlers('test'),
    ...createPeopleHandlers({ kit, database }),
    ...options.handlers?.({ kit, database, keyring }),
  } as Handlers;
  const authenticators: Authenticators = {
    person: createPersonAuthenticator(kit, database),
    provisioner: createProvisionerAuthenticator({ ...kit, database, bus }),
    agent_bootstrap: () => Promise.resolve(undefined),
    agent: () => Promise.resolve(undefined),
    metrics: () => Promise.resolve(undefined),
    ...options.authenticators,
  };
  const api = createApi(kit, {
    handlers,
    authenticators,
    eventStreams: { maxPerCaller: 100, ...options.eventStreams },
  });
  const { drainTimeoutMs = 5_000, headersTimeoutMs = 5_000 } = options;
  const server = createHttpServer(kit, api, {
    ...{ host: '127.0.0.1', port: 0, drainTimeoutMs, headersTimeoutMs },
  });
  await server.start();
  const { url } = server.address();

  const clientWith = (token: string | undefined): Client => createClient({ url, token });
  const admin = clientWith(adminToken);

  return {
    ...{ kit, database, api, server, url, adminToken, provisionerKey, admin, clientWith },
    person: async (username, organizations = []) => {
      await admin.call(peopleRoutes.createUser, {
        body: { username, organizations: [...organizations] },
      });
      const made = await admin.call(peopleRoutes.createToken, { body: { name: 'test', username } });
      return { client: clientWith(made.body.secret), token: made.body.secret };
    },
    sql: async (text, values = []) => {
      const name = createHash('sha256').update(text).digest('hex').slice(0, 32);
      return (await database.query({ name, text, values })).rows;
    },
    send: (path, init) => fetch(url + path, init),
    [Symbol.asyncDispose]: async () => {
      await server.stop('the test is over', 10_000);
      await database.close();
      await testDatabase.close();
    },
  };
}
