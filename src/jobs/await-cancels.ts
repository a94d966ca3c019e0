// A daemon's wait for the word that something it works on is to stop, so that a cancel need not wait for
// the next heartbeat. Heartbeats say it as well: a notice that is lost costs an interval, no more.
import type { JobId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { Database } from '../store/database.ts';
import { listCanceledJobs } from '../store/daemon.ts';
import { waitFor } from '../store/long-poll.ts';
import type { NoticeBus } from '../store/notice-bus.ts';
import type { DaemonRef } from './attempt.ts';
import type { Dispatcher } from './dispatcher.ts';

export interface AwaitCancelsDeps extends Pick<Kit, 'clock' | 'rng'> {
  readonly database: Database;
  readonly bus: Pick<NoticeBus, 'subscribe'>;
  readonly dispatcher: Pick<Dispatcher, 'offers'>;
}

export interface CanceledAttempt {
  readonly id: JobId;
  readonly attempt: number;
}

/**
 * The attempts of the daemon that were asked to stop, but for the `known` ones, which it was told of before;
 * none when there were none in time. Throws NOT_FOUND and DAEMON_REPLACED.
 */
export async function awaitCancels(
  deps: AwaitCancelsDeps,
  daemon: DaemonRef,
  options: {
    readonly known: readonly JobId[];
    readonly signal: AbortSignal;
    readonly waitMs: number;
  },
): Promise<readonly CanceledAttempt[]> {
  const { known, signal, waitMs } = options;
  await deps.dispatcher.offers.get(daemon);
  const found = await waitFor(
    deps,
    {
      wanted: { kind: 'cancel', daemonId: daemon.daemonId },
      look: async () => {
        const canceled = await listCanceledJobs.all(deps.database, { ...daemon, known });
        return canceled.length > 0 ? canceled : undefined;
      },
    },
    // Nothing is polled for in between: the heartbeats are the backup.
    { signal, timeoutMs: waitMs, pollMs: 2 * waitMs },
  );
  return found ?? [];
}
