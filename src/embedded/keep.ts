// The embedded server for as long as this process wants it: started again whenever it ends.
import { createBackoff } from '../base/backoff.ts';
import type { Kit } from '../base/kit.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from './server.ts';
import type { EmbeddedPostgresOptions } from './start.ts';

export type KeptPostgres = Omit<EmbeddedPostgres, 'waitForExit'>;

/** A server that does not come back (a full disk, say) is tried again this often at most. */
const MAX_RETRY_MS = 30_000;
const FIRST_RETRY_MS = 500;

/** As startEmbeddedPostgres; later ends are logged and mended, and the connection stays the same. */
export async function keepEmbeddedPostgres(
  kit: Kit,
  options: EmbeddedPostgresOptions,
): Promise<KeptPostgres> {
  const stopping = new AbortController();
  const { signal } = stopping;
  const first = await startEmbeddedPostgres(kit, options);
  const { onProgress: _onProgress, ...again } = options;
  let current = first;

  const restart = async (): Promise<void> => {
    const backoff = createBackoff(kit.rng, { firstMs: FIRST_RETRY_MS, maxMs: MAX_RETRY_MS });
    for (;;) {
      try {
        current = await startEmbeddedPostgres(kit, { ...again, signal });
        return;
      } catch (error) {
        signal.throwIfAborted();
        kit.log.error('embedded_postgres.restart_failed', { error });
        await kit.clock.sleep(backoff.nextMs(), signal);
      }
    }
  };

  const keep = async (): Promise<void> => {
    for (;;) {
      await current.waitForExit(signal);
      kit.log.error('embedded_postgres.ended');
      await restart();
    }
  };
  const kept = keep().catch((error: unknown) => {
    if (!signal.aborted) kit.log.critical('embedded_postgres.keeper_failed', { error });
  });

  return {
    connection: first.connection,
    outcome: first.outcome,
    stop: async (deadlineMs) => {
      stopping.abort();
      await kept;
      return current.stop(deadlineMs);
    },
  };
}
