// Carries notices after a commit: to subscribers in this process at once, to other processes as
// NOTIFY over one connection of its own that also listens. Never inside a transaction, and never
// waited for: a notice may be lost, and whoever needs certainty polls as well.
import { OVER } from '../base/abort.ts';
import { failpoint } from '../base/failpoint.ts';
import type { Kit } from '../base/kit.ts';
import { createService, type Service, type ServiceScope } from '../base/service.ts';
import { createId } from '../base/id.ts';
import type pg from 'pg';
import type { Database } from './database.ts';
import { noticeKey, parseNoticeKey } from './notice.ts';
import { createOutbox } from './notice-outbox.ts';
import { createNoticeSubscribers, type Hear, type Wanted } from './notice-subscribers.ts';

export interface NoticeBus extends Service {
  /** Calls `hear` for every wanted notice and every resync until the returned function is called. */
  subscribe(wanted: Wanted, hear: Hear): () => void;
}

export interface NoticeBusOptions {
  /** A silent connection is asked for a sign of life this often. */
  readonly pingIntervalMs?: number;
  /** No answer for this long means that the connection is dead, whatever the socket says. */
  readonly answerTimeoutMs?: number;
  /** The longest pause between two attempts to connect. */
  readonly reconnectMs?: number;
  /** Different notices that may wait to be sent. */
  readonly queueLimit?: number;
  /** No other process uses the database: nothing is sent. */
  readonly alone?: boolean;
}

const CHANNEL = 'standby';
/** Begins an origin. Of another owner, earlier control planes say no more than that the workspace has changed. */
const TELLS_OF_OWNERS = 'owners:';
/** By a name, so that the server reads it once in the life of a connection. */
const SEND = {
  name: 'notice.send',
  text: `select pg_notify($1, $2 || ' ' || key) from unnest($3::text[]) as key`,
};
/** Notices in one statement. */
const SEND_LIMIT = 200;
/** What comes meanwhile goes together: under load, sending each notice by itself costs more than its cause. */
const REST_MS = 5;

export function createNoticeBus(
  deps: Kit & { readonly database: Database },
  options: NoticeBusOptions = {},
): NoticeBus {
  const { clock, rng, database } = deps;
  const log = deps.log.child({ component: 'notice-bus' });
  const pingIntervalMs = options.pingIntervalMs ?? 10_000;
  const answerTimeoutMs = options.answerTimeoutMs ?? 5_000;
  const reconnectMs = options.reconnectMs ?? 5_000;
  const outbox = createOutbox(log, options.queueLimit ?? 1_000);
  const subscribers = createNoticeSubscribers(log);
  // Other processes' notices come over the same channel; one's own were delivered already.
  const origin = `${TELLS_OF_OWNERS}${createId(deps)}`;

  database.onNotices((notices) => {
    for (const [key, notice] of new Map(notices.map((notice) => [noticeKey(notice), notice]))) {
      subscribers.tell(notice);
      if (options.alone !== true) outbox.add(key);
    }
  });

  const receive = ({ payload = '' }: pg.Notification): void => {
    const space = payload.indexOf(' ');
    if (payload.slice(0, space) === origin) return;
    const notice = parseNoticeKey(payload.slice(space + 1));
    if (notice === undefined) return;
    subscribers.tell(notice);
    if (notice.kind === 'workspace' && !payload.startsWith(TELLS_OF_OWNERS)) {
      subscribers.tell({ ...notice, kind: 'owner' });
    }
  };

  const ask = async (client: pg.Client, asked: pg.QueryConfig): Promise<void> => {
    // pg knows the time limit of a single query, its types do not.
    const query: pg.QueryConfig & { query_timeout: number } = {
      ...asked,
      query_timeout: answerTimeoutMs,
    };
    await client.query(query);
  };

  const connect = async (): Promise<pg.Client> => {
    const client = await database.connect();
    client.on('notification', receive);
    try {
      await ask(client, { text: `listen ${CHANNEL}` });
    } catch (error) {
      close(client);
      throw error;
    }
    return client;
  };

  const send = async (client: pg.Client): Promise<boolean> => {
    const keys = outbox.take(SEND_LIMIT);
    if (keys.length === 0) return false;
    if ((await failpoint('notice.sent')) === 'drop') return true;
    try {
      await ask(client, { ...SEND, values: [CHANNEL, origin, keys] });
    } catch (error) {
      outbox.putBack(keys);
      throw error;
    }
    return true;
  };

  /** Until something waits, the connection ends, or it is time to ask whether it still lives. */
  const pause = async (client: pg.Client, signal: AbortSignal): Promise<void> => {
    const waiting = new AbortController();
    const wake = (): void => waiting.abort(OVER);
    outbox.onAdd(wake);
    client.once('end', wake);
    signal.addEventListener('abort', wake);
    await clock.sleep(pingIntervalMs, waiting.signal).catch(() => undefined);
    client.off('end', wake);
    signal.removeEventListener('abort', wake);
  };

  const serve = async (client: pg.Client, signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      if (await send(client)) {
        await clock.sleep(REST_MS, signal).catch(() => undefined); // the loop ends then
        continue;
      }
      await pause(client, signal);
      if (!(await send(client))) await ask(client, { text: 'select' });
    }
  };

  const run = async (first: pg.Client | undefined, { signal }: ServiceScope): Promise<void> => {
    let client = first;
    while (!signal.aborted) {
      try {
        if (client === undefined) {
          client = await connect();
          log.info('notice.reconnected');
          subscribers.tell({ kind: 'resync' });
        }
        await serve(client, signal);
      } catch (error) {
        log.warn('notice.connection_failed', { error });
      }
      if (client !== undefined) close(client);
      client = undefined;
      // Full jitter, so that all replicas do not come back at once after a restart of the database.
      await clock.sleep(rng.next() * reconnectMs, signal).catch(() => undefined);
    }
  };

  const service = createService(clock, {
    name: 'notice-bus',
    start: async (scope) => {
      // A database that is down is no reason not to start: everybody who listens polls as well.
      const first = await connect().catch((error: unknown) => {
        log.warn('notice.connection_failed', { error });
        return undefined;
      });
      scope.background(run(first, scope));
    },
  });

  return { ...service, subscribe: subscribers.add };
}

/** Not waited for: a connection that does not answer any more does not close politely either. */
function close(client: pg.Client): void {
  client.end().catch(() => undefined);
}
