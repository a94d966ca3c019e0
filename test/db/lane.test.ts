// Connections of their own for daemons: a crowd of builds uses up its own, and nobody's who claims.
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createId } from '../../src/base/id.ts';
import { createClient, type Client } from '../../src/client/client.ts';
import { loadConfig } from '../../src/config/config.ts';
import { daemonRoutes } from '../../src/contract/daemon/route.ts';
import type { RegisterBody } from '../../src/contract/provisioner/protocol.ts';
import { provisionerRoutes } from '../../src/contract/provisioner/route.ts';
import { createControlPlaneParts } from '../../src/main/server/control-plane.ts';
import { bootstrapInstallation } from '../../src/people/bootstrap.ts';
import { createDatabase, type Database } from '../../src/store/database.ts';
import type { Executor } from '../../src/store/statement.ts';
import { createDeferred } from '../support/deferred.ts';
import { DEAF } from '../support/queue.ts';
import { openTestStore, TEST_SECRET_KEY, type TestStore } from '../support/store.ts';

let store: TestStore;

beforeAll(async () => {
  store = await openTestStore();
});
afterAll(() => store.close());

const one = (on: Executor): Promise<unknown> =>
  on.query({ name: 'test.one', text: 'select 1', values: [] });

/** Uses up all connections, until what it gives is called. */
async function useUp(database: Database): Promise<() => Promise<void>> {
  const left = createDeferred<null>();
  const work = Array.from({ length: database.maxConnections }, () => {
    const begun = createDeferred<null>();
    const done = database.transaction(async (tx) => {
      await one(tx);
      begun.resolve(null);
      await left.promise;
    });
    return { begun: begun.promise, done };
  });
  await Promise.all(work.map(({ begun }) => begun));
  return async () => {
    left.resolve(null);
    await Promise.all(work.map(({ done }) => done));
  };
}

describe('a lane', () => {
  it('neither keeps others waiting nor is kept by them', async () => {
    const database = store.open(1);
    const lane = database.lane(2);
    for (const [used, free] of [
      [lane, database],
      [database, lane],
    ] as const) {
      const leave = await useUp(used);
      await one(free);
      await leave();
    }
  });

  it('announces where the database does', async () => {
    const database = store.open(1);
    const heard: unknown[] = [];
    const lane = database.lane(1);
    database.onNotices((notices) => heard.push(...notices));
    const notice = { kind: 'prebuilds' } as const;
    await lane.transaction(async (tx) => {
      await one(tx);
      tx.notify(notice);
    });
    lane.announce([notice]);
    expect(heard).toEqual([notice, notice]);
  });

  it('closes with the database', async () => {
    const { connection } = store;
    const options = { connection, maxConnections: 1, applicationName: 'test' };
    const database = createDatabase(store.kit, options);
    const lane = database.lane(1);
    await one(lane);
    await database.close();
    await expect(one(lane)).rejects.toThrow();
  });
});

describe('a control plane', () => {
  const url = 'http://control-plane.test';
  const [adminToken, provisionerKey] = ['sbt_'.padEnd(47, 'a'), 'sbp_'.padEnd(47, 'b')];
  /** As people and as daemons call one whose connections are those. */
  const startPlane = (database: Database, builders: Database) => {
    const { api } = createControlPlaneParts(store.kit, {
      ...{ config: loadConfig({}), database, builders, bus: DEAF },
      ...{ secretKey: TEST_SECRET_KEY, keyring: store.keyring, metricsToken: 'nobody' },
      ...{ alone: false, url: () => url },
    });
    const send = async (to: string, init: RequestInit) => api.app.fetch(new Request(to, init));
    const [admin, daemon] = [adminToken, provisionerKey].map((token) =>
      createClient({ url, token, fetch: send }),
    ) as [Client, Client];
    return {
      list: async () => (await admin.call(daemonRoutes.listDaemons, { query: {} })).body.items,
      register: () =>
        daemon.call(provisionerRoutes.registerDaemon, { body: daemonOf(store) }).then(() => true),
    };
  };

  beforeAll(() => bootstrapInstallation(store, { adminToken, provisionerKey }));

  it('answers people while all connections for daemons are in use', async () => {
    const database = store.open(2);
    const builders = database.lane(1);
    const leave = await useUp(builders);
    onTestFinished(() => leave());
    expect(await startPlane(database, builders).list()).toEqual([]);
  });

  it('answers daemons while all others are', async () => {
    const database = store.open(1);
    const plane = startPlane(database, database.lane(1));
    const leave = await useUp(database);
    onTestFinished(() => leave());
    expect(await plane.register()).toBe(true);
  });
});

function daemonOf({ kit }: TestStore): RegisterBody {
  return {
    ...{ protocol_version: 4, daemon_id: createId(kit), registration_id: null },
    ...{ name: 'one', machine_id: 'machine', drivers: ['null'], tools: {}, tags: {} },
    ...{ slots: 1, version: '0.0.0' },
  };
}
