// What becomes of a waiter, waited for without a connection of its own.
import type { WaiterId } from '../../base/id.ts';
import type { Kit } from '../../base/kit.ts';
import type { Database } from '../../store/database.ts';
import { waitFor, type LongPollOptions } from '../../store/long-poll.ts';
import type { NoticeBus } from '../../store/notice-bus.ts';
import type { WaiterRow } from '../../store/waiter.ts';
import { readWaiter } from './end-waiters.ts';

interface Deps extends Kit {
  readonly database: Database;
  readonly bus: Pick<NoticeBus, 'subscribe'>;
}

/** The waiter when it waits no more, or as it is when the time is over; undefined when there is none. */
export async function awaitWaiter(
  deps: Deps,
  id: WaiterId,
  options: LongPollOptions,
): Promise<WaiterRow | undefined> {
  const first = await readWaiter(deps, id);
  if (first?.outcome !== null || options.timeoutMs === 0) return first;
  await waitFor(
    deps,
    {
      wanted: { kind: 'waiter', waiterId: id },
      look: async () => ((await readWaiter(deps, id))?.outcome === null ? undefined : 'over'),
    },
    { ...options, timeoutMs: Math.min(options.timeoutMs, first.leftMs) },
  );
  return readWaiter(deps, id);
}
