// The API of a control plane: every route's handler, and who may call it.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { createAgentAuthentication, createAgentHandlers } from '../../api/agent/handlers.ts';
import { createDaemonHandlers } from '../../api/daemon/handlers.ts';
import { createGroupHandlers } from '../../api/group/handlers.ts';
import { createHealthHandlers } from '../../api/health.ts';
import type { Handlers } from '../../api/handler.ts';
import { createApi, type Api } from '../../api/http/api.ts';
import { createJobHandlers } from '../../api/job/handlers.ts';
import { createKeyHandlers } from '../../api/key/handlers.ts';
import { createMetricsHandlers, type MetricsApiDeps } from '../../api/metrics.ts';
import { createNotificationHandlers } from '../../api/notification/handlers.ts';
import { createDescriptionHandlers } from '../../api/openapi/handlers.ts';
import { createPeopleHandlers } from '../../api/people/handlers.ts';
import { createPoolHandlers } from '../../api/pool/handlers.ts';
import { createPrebuildHandlers } from '../../api/prebuilds/handlers.ts';
import { createProvisionerHandlers } from '../../api/provisioner/handlers.ts';
import { createQuotaHandlers } from '../../api/quota/handlers.ts';
import { createTemplateHandlers } from '../../api/template/handlers.ts';
import { createWaiterHandlers } from '../../api/waiter/handlers.ts';
import { createWorkspaceHandlers } from '../../api/workspace/handlers.ts';
import { findPackageRoot } from '../../base/package-root.ts';
import { createBootstrapTokens } from '../../base/bootstrap-token.ts';
import type { Kit } from '../../base/kit.ts';
import type { Precedence } from '../../base/precedence.ts';
import { VERSION } from '../../base/version.ts';
import type { Config } from '../../config/config.ts';
import {
  createMetricsAuthenticator,
  createPersonAuthenticator,
  createProvisionerAuthenticator,
} from '../../people/authenticate.ts';
import type { Keyring } from '../../keys/keyring.ts';
import { createAgentsTogether } from '../../store/agent-together.ts';
import type { Database } from '../../store/database.ts';
import type { NoticeBus } from '../../store/notice-bus.ts';
import { reconcilerOptions } from './reconciler-options.ts';

export interface ControlPlaneApiDeps {
  readonly config: Config;
  readonly database: Database;
  /** For what daemons ask. */
  readonly builders: Database;
  readonly bus: Pick<NoticeBus, 'subscribe'>;
  readonly precedence: Precedence;
  readonly secretKey: Uint8Array;
  readonly keyring: Keyring;
  readonly metrics: MetricsApiDeps;
  readonly metricsToken: string;
  /** Where workspaces reach it, if the configuration does not say; asked when somebody is served. */
  readonly url: () => string;
}

const readShellAgent = (): Promise<string> =>
  readFile(path.join(findPackageRoot(), 'dist', 'agent.sh'), 'utf8');

// How often daemons tell of their workspaces when nothing changes.
const REPORT_INTERVAL_MS = 15_000;

export function createControlPlaneApi(kit: Kit, deps: ControlPlaneApiDeps): Api {
  const { config, database, builders, bus, keyring, precedence } = deps;
  const bootstrapTokens = createBootstrapTokens(deps.secretKey);
  const pollMs = config.pollInterval;
  const pageOptions = reconcilerOptions(config, { alone: false });
  const agents = createAgentsTogether({ ...kit, database });
  const agentTokens = createAgentAuthentication({ ...agents, bootstrapTokens });
  const findPerson = createPersonAuthenticator(kit, database);
  const handlers: Handlers = {
    ...createHealthHandlers({ database, version: VERSION }),
    ...createMetricsHandlers(deps.metrics),
    ...createDescriptionHandlers(VERSION),
    ...createPeopleHandlers({ kit, database }),
    ...createGroupHandlers({ kit, database }),
    ...createQuotaHandlers({ database }),
    ...createTemplateHandlers({ kit, database }, pageOptions),
    ...createPoolHandlers({ kit, database }, pageOptions),
    ...createPrebuildHandlers({ kit, database }),
    ...createWorkspaceHandlers(
      { ...kit, database, bus, keyring, precedence },
      {
        ...{ ...pageOptions, pollMs, waitersPerUser: config.waitersPerUser },
        claimProofTimeoutMs: config.claimProofTimeout,
      },
    ),
    ...createWaiterHandlers({ ...kit, database, bus }, { ...pageOptions, pollMs }),
    ...createNotificationHandlers({ database }),
    ...createJobHandlers({ ...kit, database, bus }, { pollMs }),
    ...createKeyHandlers({ database, keyring }),
    ...createDaemonHandlers({ kit, database }),
    ...createProvisionerHandlers(
      {
        kit,
        database: builders,
        bus,
        keyring,
        precedence,
        bootstrapToken: (workspaceId) => bootstrapTokens.issue(workspaceId),
        get accessUrl() {
          return config.accessUrl ?? deps.url();
        },
      },
      {
        heartbeatIntervalMs: config.heartbeatInterval,
        reportIntervalMs: REPORT_INTERVAL_MS,
        logLimitBytes: config.jobLogLimit,
        dispatch: { pollMs, maxCreations: config.maxConcurrentPrebuildJobs || null },
      },
    ),
    ...createAgentHandlers(
      { ...kit, database, bus, agents, keyring },
      { heartbeatIntervalMs: config.agentHeartbeatInterval, pollMs, readShellAgent },
    ),
  };
  return createApi(kit, {
    handlers,
    authenticators: {
      person: findPerson,
      provisioner: createProvisionerAuthenticator({ ...kit, database: builders, bus }),
      agent_bootstrap: (token) => agentTokens.authenticateAgentBootstrap(token),
      agent: (token) => agentTokens.authenticateAgent(token),
      metrics: createMetricsAuthenticator({ metricsToken: deps.metricsToken, findPerson }),
    },
    eventStreams: { maxPerCaller: config.eventStreamsPerUser },
  });
}
