// The embedded PostgreSQL of one data folder, as the rest of Standby sees it.
// docs/embedded-postgresql.md tells operators what runs and where things lie.
import { realpath } from 'node:fs/promises';
import type { Kit } from '../base/kit.ts';
import type { StopResult } from '../base/service.ts';
import { DATABASE, findCluster, ROLE } from './cluster.ts';
import { asStartFailure } from './failure.ts';
import { layoutOf } from './layout.ts';
import { findRunning, stopPostmaster, waitUntilGone } from './postmaster.ts';
import { probe, type ConnectionParts } from './probe.ts';
import { adopt, startServer, type EmbeddedPostgresOptions, type StartedServer } from './start.ts';

export interface EmbeddedPostgres {
  readonly connection: ConnectionParts;
  /** `created` the cluster as well, `started` on what was there, or `adopted` a running server. */
  readonly outcome: 'created' | 'started' | 'adopted';
  /** Resolves when the server has ended, for whatever reason; rejects when aborted. */
  waitForExit(signal?: AbortSignal): Promise<void>;
  /**
   * Ends all sessions and the server, an adopted one too. It is never killed: at the deadline the
   * answer is `deadline`, and it goes on shutting down by itself.
   */
  stop(deadlineMs?: number): Promise<StopResult>;
}

/** A fast shutdown takes a fraction of a second, and one checkpoint more on a slow disk. */
const STOP_DEADLINE_MS = 30_000;

/**
 * Makes sure that the PostgreSQL of `dataDir` runs and can be used. It goes on running when this
 * process ends, however that ends; the next start adopts it.
 *
 * Errors: EMBEDDED_POSTGRES_UNSUPPORTED, EMBEDDED_POSTGRES_FAILED, DATA_FOLDER_UNUSABLE.
 */
export async function startEmbeddedPostgres(
  kit: Kit,
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  try {
    const started = await startServer(kit, options);
    const { identity } = started.postmaster;
    const { outcome } = started;
    const connection = connectionOf(started);
    await probe(connection);
    const { host } = connection;
    kit.log.info('embedded_postgres.ready', { outcome, pid: identity.pid, host });
    return {
      connection,
      outcome,
      waitForExit: (signal) => waitUntilGone(kit, identity, signal),
      stop: (deadlineMs = STOP_DEADLINE_MS) => stopPostmaster(kit, identity, deadlineMs),
    };
  } catch (error) {
    throw asStartFailure(error, options.dataDir);
  }
}

/** How to reach the server of `dataDir` that runs; undefined when none does. Starts and changes nothing. */
export async function findEmbeddedPostgres(
  kit: Kit,
  dataDir: string,
  signal: AbortSignal,
): Promise<ConnectionParts | undefined> {
  try {
    const layout = layoutOf(await realpath(dataDir));
    const found = await adopt(kit, { layout, signal, onWaiting: () => undefined });
    return found === undefined ? undefined : connectionOf(found);
  } catch (error) {
    throw asStartFailure(error, dataDir);
  }
}

/** Whether a server was ever started in `dataDir`. */
export async function hasEmbeddedPostgres(dataDir: string): Promise<boolean> {
  return (await findCluster(layoutOf(dataDir))) !== undefined;
}

/** Stops the server of `dataDir`, whoever started it; `not_running` when there is none. */
export async function stopEmbeddedPostgres(
  kit: Kit,
  dataDir: string,
  deadlineMs = STOP_DEADLINE_MS,
): Promise<StopResult | 'not_running'> {
  const running = await findRunning(layoutOf(dataDir));
  if (running === undefined) return 'not_running';
  return stopPostmaster(kit, running.identity, deadlineMs);
}

function connectionOf({ postmaster, password }: StartedServer): ConnectionParts {
  const { socketFolder: host, port } = postmaster;
  return { host, port, user: ROLE, password, database: DATABASE };
}
