// Leadership: one replica at a time runs the periodic pass. It saves double work and nothing else:
// every pool is decided again under its own lock, so a deposed leader that goes on does no harm.
import type { Kit } from '../base/kit.ts';
import { createService, type Service } from '../base/service.ts';
import type { Database } from '../store/database.ts';
import { releaseLease, takeLease } from '../store/lease.ts';

export interface LeaseOptions {
  readonly name: string;
  /** A UUID, new for every process. */
  readonly holder: string;
  /** How long a holder that shows no sign keeps it; it renews three times as often. */
  readonly ttlMs: number;
  /**
   * Takes the lease with the first try, whoever has it: for a database that belongs to this process
   * alone, where a holder can only be one that was killed.
   */
  readonly takeAtOnce: boolean;
}

export interface Lease extends Service {
  /**
   * Takes or renews the lease now and tells whether this process holds it. Throws when the database
   * could not be asked.
   */
  confirm(): Promise<boolean>;
  /** The epoch of the last take or renewal; undefined while another holds the lease. */
  readonly epoch: number | undefined;
}

export interface LeaseDeps {
  readonly kit: Kit;
  readonly database: Database;
  /** Called each time this process becomes the holder. */
  readonly onTaken: () => void;
}

export function createLease(deps: LeaseDeps, options: LeaseOptions): Lease {
  const { kit, database } = deps;
  const { name, holder, ttlMs } = options;
  const log = kit.log.child({ component: 'lease', lease: name, holder });
  let epoch: number | undefined;
  let atOnce = options.takeAtOnce;
  let stopped = false;
  /** Until the lease ends, as it was last seen. */
  let leftMs = ttlMs;

  const confirm = async (): Promise<boolean> => {
    if (stopped) return false;
    const found = await takeLease.maybe(database, { name, holder, ttlMs, atOnce });
    atOnce = false;
    leftMs = found?.leftMs ?? ttlMs;
    const former = epoch;
    epoch = found?.epoch ?? undefined;
    if (epoch === undefined) {
      if (former !== undefined) log.warn('lease.lost', { epoch: former });
      return false;
    }
    if (former !== epoch) {
      log.info('lease.taken', { epoch });
      deps.onTaken();
    }
    return true;
  };

  const tryConfirm = async (): Promise<void> => {
    try {
      await confirm();
    } catch (error) {
      // The row expires by itself, and whoever reaches the database takes it.
      log.warn('lease.unreachable', { error });
    }
  };

  const renew = async (signal: AbortSignal): Promise<void> => {
    for (;;) {
      // A third of the TTL survives one lost renewal; the jitter keeps replicas apart. Who waits for
      // another's to end is there when it ends.
      const pauseMs = Math.min((ttlMs / 3) * (0.9 + 0.1 * kit.rng.next()), Math.max(1, leftMs));
      try {
        await kit.clock.sleep(pauseMs, signal);
      } catch {
        return; // stopped
      }
      await tryConfirm();
    }
  };

  const service = createService(kit.clock, {
    name: 'lease',
    start: async (scope) => {
      await tryConfirm();
      scope.background(renew(scope.signal));
    },
    stop: async () => {
      stopped = true;
      if (epoch === undefined) return;
      epoch = undefined;
      await releaseLease.run(database, { name, holder }).then(
        () => {
          log.info('lease.given_up');
          database.announce([{ kind: 'lease', name }]);
        },
        (error: unknown) => log.warn('lease.unreachable', { error }),
      );
    },
  });

  return {
    ...service,
    confirm,
    get epoch() {
      return epoch;
    },
  };
}
