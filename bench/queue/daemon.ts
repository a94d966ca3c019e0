// A daemon without drivers' work, in process and over HTTP.
import { createProvisionerHandlers } from '../../src/api/provisioner/handlers.ts';
import { createApi } from '../../src/api/http/api.ts';
import type { Authenticators } from '../../src/api/http/authenticate.ts';
import { createHttpServer, type HttpServer } from '../../src/api/http/server.ts';
import type { Handlers } from '../../src/api/handler.ts';
import { createId, type DaemonId } from '../../src/base/id.ts';
import type { Kit } from '../../src/base/kit.ts';
import type { DaemonRef } from '../../src/jobs/attempt.ts';
import { registerDaemon } from '../../src/jobs/register-daemon.ts';
import { createProvisionerAuthenticator } from '../../src/people/authenticate.ts';
import type { Keyring } from '../../src/keys/keyring.ts';
import type { Database } from '../../src/store/database.ts';
import type { NoticeBus } from '../../src/store/notice-bus.ts';
import type { Stage } from '../support/bench.ts';
import type { Installation } from './installation.ts';
import { nothingFirst } from '../../test/support/precedence.ts';

export async function registerBenchDaemon(
  kit: Kit,
  installation: Installation,
): Promise<DaemonRef> {
  const { database, organizationId, key } = installation;
  const daemonId = createId<DaemonId>(kit);
  const { incarnation } = await registerDaemon(
    { ...kit, database },
    { keyId: key.keyId, organizationId, tags: {} },
    {
      id: daemonId,
      name: 'bench',
      machineId: daemonId,
      drivers: ['null'],
      tags: {},
      slots: 10,
      version: 'bench',
      protocolVersion: 3,
    },
  );
  return { daemonId, keyId: key.keyId, incarnation };
}

/** The routes of daemons behind a socket of this process, until the stage ends. */
export async function serveDaemons(
  stage: Stage,
  deps: {
    readonly database: Database;
    readonly keyring: Keyring;
    readonly bus: Pick<NoticeBus, 'subscribe'>;
  },
  pollMs: number,
): Promise<HttpServer> {
  const { kit } = stage;
  const handlers = createProvisionerHandlers(
    {
      ...{ kit, ...deps, precedence: nothingFirst },
      ...{ bootstrapToken: () => 'sba_bench', accessUrl: 'http://127.0.0.1:1' },
    },
    {
      heartbeatIntervalMs: 10_000,
      reportIntervalMs: 15_000,
      logLimitBytes: 1_000_000,
      dispatch: { pollMs, maxCreations: null },
    },
  ) as Handlers;
  const nobody = (): Promise<undefined> => Promise.resolve(undefined);
  const authenticators: Authenticators = {
    person: nobody,
    provisioner: createProvisionerAuthenticator({ ...kit, ...deps }),
    agent_bootstrap: nobody,
    agent: nobody,
    metrics: nobody,
  };
  const server = createHttpServer(
    kit,
    createApi(kit, { handlers, authenticators, eventStreams: { maxPerCaller: 10 } }),
    {
      host: '127.0.0.1',
      port: 0,
    },
  );
  await server.start();
  stage.onEnd(() => server.stop('the bench is over', 5_000));
  return server;
}
