// The embedded PostgreSQL of one data folder, as the rest of Standby sees it.
// docs/embedded-postgresql.md tells operators what runs and where things lie.
import type { Kit } from '../base/kit.ts';
import type { StopResult } from '../base/service.ts';
import { DATABASE, ROLE } from './cluster.ts';
import { asStartFailure } from './failure.ts';
import { layoutOf } from './layout.ts';
import { findRunning, stopPostmaster, waitUntilGone } from './postmaster.ts';
import { probe, type ConnectionParts } from './probe.ts';
import { startServer, type EmbeddedPostgresOptions } from './start.ts';

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
    const { postmaster, outcome, password } = await startServer(kit, options);
    const { identity, socketFolder: host, port } = postmaster;
    const connection = { host, port, user: ROLE, password, database: DATABASE };
    await probe(connection);
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
