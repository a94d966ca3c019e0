import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { PoolId, WorkspaceId } from '../../src/base/id.ts';
import { silentLog, type Log } from '../../src/base/log.ts';
import type { Service } from '../../src/base/service.ts';
import { createDatabase, type Database } from '../../src/store/database.ts';
import type { Notice } from '../../src/store/notice.ts';
import {
  createNoticeBus,
  type NoticeBus,
  type NoticeBusOptions,
} from '../../src/store/notice-bus.ts';
import type { Hint } from '../../src/store/notice-subscribers.ts';
import { createDeferred } from '../support/deferred.ts';
import { openTestStore, type TestStore } from '../support/store.ts';

const open: Service[] = [];
afterEach(async () => {
  for (const service of open.splice(0)) expect(await service.stop('test', 5_000)).toBe('stopped');
});

interface Listening {
  readonly bus: NoticeBus;
  readonly heard: Hint[];
}

async function listen(
  store: TestStore,
  database: Database,
  given: { readonly options?: NoticeBusOptions; readonly log?: Log } = {},
): Promise<Listening> {
  const { options, log = silentLog } = given;
  const bus = createNoticeBus({ ...store.kit, log, database }, options);
  await bus.start();
  open.unshift(bus);
  const heard: Hint[] = [];
  bus.subscribe('pool', (hint) => heard.push(hint));
  return { bus, heard };
}

const pool = (id: number): Notice => ({ kind: 'pool', poolId: `pool-${id}` as PoolId });
const within = { interval: 5 };

async function killListeners(store: TestStore): Promise<void> {
  await store.sql(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid()
       and (query like 'listen%' or query like 'select pg_notify%' or query = 'select')`,
  );
}

describe('a notice', () => {
  it('is heard at once in its own process, and soon in the others, once each', async () => {
    await using store = await openTestStore();
    const here = await listen(store, store.database);
    const other = store.open();
    const there = await listen(store, other);
    await store.database.transaction(async (tx) => tx.notify(pool(1), pool(2), pool(1)));
    expect(here.heard).toEqual([pool(1), pool(2)]);
    await expect.poll(() => there.heard, within).toEqual([pool(1), pool(2)]);
    there.heard.length = 0;
    store.database.announce([pool(3)]);
    await expect.poll(() => there.heard, within).toEqual([pool(3)]);
    other.announce([pool(4)]);
    // Its own notices came back over the channel before this one, and were not told again.
    await expect.poll(() => here.heard, within).toEqual([1, 2, 3, 4].map(pool));
  });

  it('is heard in its own process only, where there is no other', async () => {
    await using store = await openTestStore();
    const alone = await listen(store, store.database, { options: { alone: true } });
    const there = await listen(store, store.open());
    store.database.announce([pool(1)]);
    expect(alone.heard).toEqual([pool(1)]);
    const other = store.open();
    await listen(store, other);
    other.announce([pool(2)]);
    // Each connection is told by itself: that one has heard says nothing of the other.
    await expect.poll(() => alone.heard, within).toEqual([pool(1), pool(2)]);
    await expect.poll(() => there.heard, within).toEqual([pool(2)]);
  });

  it('is never heard when the transaction did not commit', async () => {
    await using store = await openTestStore();
    const here = await listen(store, store.database);
    const failing = store.database.transaction(async (tx) => {
      tx.notify(pool(1));
      throw new Error('undone');
    });
    await expect(failing).rejects.toThrow('undone');
    await store.database.transaction(async (tx) => tx.notify(pool(2)));
    expect(here.heard).toEqual([pool(2)]);
  });

  it('is heard by those who want it, also when another subscriber throws', async () => {
    await using store = await openTestStore();
    const { bus } = await listen(store, store.database);
    const heard: Hint[] = [];
    bus.subscribe('pool', () => {
      throw new Error('a bad subscriber');
    });
    bus.subscribe('job', (hint) => heard.push(hint));
    const unsubscribe = bus.subscribe('pool', (hint) => heard.push(hint));
    store.database.announce([pool(1)]);
    unsubscribe();
    store.database.announce([pool(2)]);
    expect(heard).toEqual([pool(1)]);
  });

  it('of a workspace that an earlier control plane sends may be of its owner', async () => {
    await using store = await openTestStore();
    const here = await listen(store, store.database);
    const there = await listen(store, store.open());
    const workspaceId = 'demo' as WorkspaceId;
    const heard: Hint[] = [];
    for (const kind of ['workspace', 'owner'] as const) {
      there.bus.subscribe({ kind, workspaceId }, (hint) => heard.push(hint));
    }
    await store.sql(`select pg_notify('standby', 'earlier workspace demo')`);
    const both = [
      { kind: 'workspace', workspaceId },
      { kind: 'owner', workspaceId },
    ];
    await expect.poll(() => heard, within).toEqual(both);
    // One of today says so itself.
    store.database.announce([{ kind: 'workspace', workspaceId }]);
    await expect.poll(() => heard.length, within).toBe(3);
    store.database.announce([pool(1)]);
    await expect.poll(() => there.heard, within).toEqual([pool(1)]);
    expect(heard).toEqual([...both, { kind: 'workspace', workspaceId }]);
    expect(here.heard).toEqual([pool(1)]);
  });

  it('is dropped with a warning when too many wait, and never waited for', async () => {
    await using store = await openTestStore();
    const warnings: unknown[] = [];
    const log: Log = {
      ...silentLog,
      warn: (event, fields) => {
        if (event === 'notice.dropped') warnings.push(fields);
      },
      child: () => log,
    };
    const there = await listen(store, store.open());
    await listen(store, store.database, { log, options: { queueLimit: 5 } });
    store.database.announce(Array.from({ length: 9 }, (_, id) => pool(id)));
    expect(warnings).toEqual([{ key: 'pool pool-5', limit: 5, dropped: 1 }]);
    await expect.poll(() => there.heard.length, within).toBe(5);
  });
});

describe('the connection of a bus', () => {
  it('comes back after it was lost, and tells that notices may be missing', async () => {
    await using store = await openTestStore();
    const options = { reconnectMs: 20, pingIntervalMs: 20 };
    const here = await listen(store, store.database, { options });
    const there = await listen(store, store.open(), { options });
    await killListeners(store);
    await expect.poll(() => there.heard, within).toContainEqual({ kind: 'resync' });
    await expect.poll(() => here.heard, within).toContainEqual({ kind: 'resync' });
    there.heard.length = 0;
    store.database.announce([pool(1)]);
    await expect.poll(() => there.heard, within).toContainEqual(pool(1));
  });

  it('is given up when it only seems to be alive', async () => {
    await using store = await openTestStore();
    const proxy = await startProxy(store);
    const behind = createDatabase(store.kit, {
      connection: { ...store.connection, host: '127.0.0.1', port: proxy.port },
      maxConnections: 1,
      applicationName: 'behind the proxy',
    });
    const options = { reconnectMs: 20, pingIntervalMs: 20, answerTimeoutMs: 200 };
    const there = await listen(store, behind, { options });
    const here = await listen(store, store.database);
    proxy.swallow();
    await expect.poll(() => there.heard, within).toContainEqual({ kind: 'resync' });
    expect(here.heard).toEqual([]);
    store.database.announce([pool(1)]);
    await expect.poll(() => there.heard, within).toContainEqual(pool(1));
    await open.splice(open.indexOf(there.bus), 1)[0]!.stop('test', 5_000);
    await behind.close();
    proxy.close();
  });

  it('may come later than the bus', async () => {
    await using store = await openTestStore();
    const proxy = await startProxy(store);
    proxy.refuse(true);
    const behind = createDatabase(store.kit, {
      connection: { ...store.connection, host: '127.0.0.1', port: proxy.port },
      maxConnections: 1,
      applicationName: 'behind the proxy',
    });
    const there = await listen(store, behind, { options: { reconnectMs: 20 } });
    proxy.refuse(false);
    await expect.poll(() => there.heard, within).toEqual([{ kind: 'resync' }]);
    await open.splice(open.indexOf(there.bus), 1)[0]!.stop('test', 5_000);
    await behind.close();
    proxy.close();
  });

  it('takes nothing from the pool', async () => {
    await using store = await openTestStore();
    const single = store.open(1);
    const there = await listen(store, single);
    const here = await listen(store, store.database);
    const busy = createDeferred<undefined>();
    const transaction = single.transaction(() => busy.promise);
    store.database.announce([pool(1)]);
    await expect.poll(() => there.heard, within).toEqual([pool(1)]);
    busy.resolve(undefined);
    await transaction;
    expect(here.heard).toEqual([pool(1)]);
  });
});

interface Proxy {
  readonly port: number;
  /** Turns the present connections into black holes; new ones work. */
  swallow(): void;
  refuse(on: boolean): void;
  close(): void;
}

/** A way to the server that a test can cut. */
async function startProxy(store: TestStore): Promise<Proxy> {
  const { host, port } = store.connection;
  const sockets = new Set<net.Socket>();
  let refusing = false;
  const server = net.createServer((client) => {
    if (refusing) {
      client.destroy();
      return;
    }
    const upstream = net.connect(
      host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port },
    );
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
    }
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    swallow: () => {
      for (const socket of sockets) {
        socket.unpipe();
        socket.pause();
      }
    },
    refuse: (on) => {
      refusing = on;
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
