// The control plane of one process: everything on one database, started in order.
import type { Api } from '../../api/http/api.ts';
import { createHttpServer, type ListeningAddress } from '../../api/http/server.ts';
import type { Kit } from '../../base/kit.ts';
import { createPrecedence } from '../../base/precedence.ts';
import { createServiceStack } from '../../base/service-stack.ts';
import type { Service } from '../../base/service.ts';
import type { Config } from '../../config/config.ts';
import type { Keyring } from '../../keys/keyring.ts';
import { createChores } from '../../jobs/chores.ts';
import { createPruner } from '../../jobs/pruner.ts';
import { createReaper } from '../../jobs/reaper.ts';
import type { PoolFigures } from '../../domain/pool/figures.ts';
import { deliverAll } from '../../notify/deliver-all.ts';
import { readPoolFigures } from '../../reconciler/pool-figures.ts';
import { createReconciler } from '../../reconciler/reconciler.ts';
import type { Database } from '../../store/database.ts';
import { createNoticeBus } from '../../store/notice-bus.ts';
import { keepLives } from '../../workspaces/life/keep-lives.ts';
import { proofOptions } from '../../workspaces/order.ts';
import { settleUnanswered } from '../../workspaces/settle-claims.ts';
import { createLineKeeper } from '../../workspaces/waiting/line-keeper.ts';
import { createLineProver } from '../../workspaces/waiting/prove-served.ts';
import { serveWaiters } from '../../workspaces/waiting/serve-waiters.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { createControlPlaneApi, type ControlPlaneApiDeps } from './control-plane-api.ts';
import { reconcilerOptions } from './reconciler-options.ts';

export interface ControlPlaneOptions {
  readonly config: Config;
  readonly database: Database;
  /** For what daemons ask, which comes in crowds and is in less of a hurry. */
  readonly builders: Database;
  readonly secretKey: Uint8Array;
  readonly keyring: Keyring;
  /** What Prometheus shows. */
  readonly metricsToken: string;
  /** No other process uses the database: leadership need not wait for a lease to run out. */
  readonly alone: boolean;
}

export interface ControlPlane {
  readonly address: ListeningAddress;
  /** Stops everything in order; gives the names of services that took longer than the deadline. */
  stop(cause: string): Promise<readonly string[]>;
}

const STOP_DEADLINE_MS = 10_000;
/** A job that no daemon could have done in all this time has failed. */
const UNSERVED_AFTER_MS = 30 * 60_000;

/** Throws ADDRESS_IN_USE and what the services' starts throw; nothing runs on then. */
export async function startControlPlane(
  kit: Kit,
  options: ControlPlaneOptions,
): Promise<ControlPlane> {
  const { config, database } = options;
  const stack = createServiceStack(kit.log);
  const bus = createNoticeBus({ ...kit, database }, { alone: options.alone });
  // Known once it listens; nobody is served before.
  const url = (): string => server.address().url;
  const { services, api } = createControlPlaneParts(kit, { ...options, bus, url });
  const server = createHttpServer(kit, api, { host: config.httpHost, port: config.httpPort });
  try {
    for (const service of [bus, ...services, server]) await stack.start(service);
  } catch (error) {
    await stack.stop('the start failed', STOP_DEADLINE_MS);
    throw error;
  }
  return { address: server.address(), stop: (cause) => stack.stop(cause, STOP_DEADLINE_MS) };
}

export interface ControlPlaneParts {
  /** In the order in which they start, before anybody is served. */
  readonly services: readonly Service[];
  readonly api: Api;
}

/** What works behind the socket, on a bus that somebody else starts. */
export function createControlPlaneParts(
  unmeasured: Kit,
  options: ControlPlaneOptions & Pick<ControlPlaneApiDeps, 'bus' | 'url'>,
): ControlPlaneParts {
  const { config, database, keyring, bus } = options;
  const decision = reconcilerOptions(config, options);
  const readPools = (): Promise<PoolFigures> => readPoolFigures(database, decision);
  const metrics = createMetrics({ ...unmeasured, database, readPools });
  const kit: Kit = { ...unmeasured, meter: metrics.meter };
  const reaper = createReaper(
    { ...kit, database, keyring },
    {
      intervalMs: config.sweepInterval,
      deadAfterMs: config.jobDeadAfter,
      unservedAfterMs: UNSERVED_AFTER_MS,
      agentTimeoutMs: AGENT_TIMEOUT_MS,
      ownerValuesTimeoutMs: config.ownerValuesTimeout,
      maxRunTimeMs: {
        workspace_build: config.buildMaxRunTime,
        template_version_import: config.importMaxRunTime,
        rehearsal: config.rehearsalMaxRunTime,
        // Destroys as a build does.
        stray_cleanup: config.buildMaxRunTime,
      },
      killGraceMs: config.jobKillGrace,
    },
  );
  const pruner = createPruner(
    { ...kit, database },
    {
      intervalMs: config.sweepInterval,
      logRetentionMs: config.jobLogRetention,
      historyRetentionMs: config.historyRetention,
    },
  );
  const serving = { ...kit, database, keyring };
  const { claimProofTimeout: timeoutMs, pollInterval: pollMs } = config;
  const proof = proofOptions({ timeoutMs, pollMs });
  const lineProver = createLineProver({ ...serving, bus, proof });
  const precedence = createPrecedence(kit.clock);
  const reconciler = createReconciler(
    kit,
    {
      ...{ database, bus, precedence },
      serveWaiters: async (tx, poolId) => {
        const handedOut = await serveWaiters(serving, tx, poolId);
        return () => lineProver.prove(handedOut);
      },
    },
    decision,
  );
  const { sweepInterval: intervalMs } = config;
  const lineKeeper = createLineKeeper({ ...kit, database, lineProver }, { intervalMs });
  const lifecycle = createChores(kit, {
    name: 'lifecycle',
    intervalMs: config.sweepInterval,
    chores: {
      lives: (signal) => keepLives({ ...kit, database, keyring }, signal),
      claims: (signal) =>
        settleUnanswered(serving, {
          afterMs: SETTLED_BY_OTHERS * config.claimProofTimeout,
          signal,
        }),
    },
  });
  const notifier = createChores(kit, {
    name: 'notifier',
    intervalMs: config.sweepInterval,
    chores: { announcements: (signal) => deliverAll({ ...kit, database }, signal) },
  });
  const api = createControlPlaneApi(kit, { ...options, metrics, precedence });
  const turns = [lineProver, reconciler, lineKeeper];
  return { services: [metrics, reaper, pruner, ...turns, lifecycle, notifier], api };
}

// Whoever takes a workspace settles the claim right after the agents' time is over; who has not by then is gone.
const SETTLED_BY_OTHERS = 20;
// The default of a template's agent_timeout: what agents have, after time in which nobody looked.
const AGENT_TIMEOUT_MS = 60_000;
