// How many creations for pools run at once, so that people do not wait behind them.
import { beforeEach, describe, expect, it } from 'vitest';
import { createId, type DaemonId } from '../../../src/base/id.ts';
import { createToken } from '../../../src/base/token.ts';
import { createClient } from '../../../src/client/client.ts';
import { loadConfig } from '../../../src/config/config.ts';
import { createControlPlaneParts } from '../../../src/main/server/control-plane.ts';
import { bootstrapInstallation } from '../../../src/people/bootstrap.ts';
import {
  createHttpControlPlane,
  type ControlPlane,
} from '../../../src/provisioner/control-plane.ts';
import type { TestPool } from '../../support/factory.ts';
import { DEAF } from '../../support/queue.ts';
import { useQueueGround } from '../../support/queue-ground.ts';
import { TEST_SECRET_KEY } from '../../support/store.ts';

const ground = useQueueGround();

describe('creations for pools', () => {
  let pool: TestPool;
  beforeEach(async () => {
    pool = await ground.make.pool(ground.template);
    // Daemons of other tests serve other organizations.
    await ground.store.sql(
      `update daemons set last_seen_at = last_seen_at - interval '1 day'
      where organization_id is distinct from $1`,
      [ground.organizationId],
    );
  });

  const running = async (): Promise<number> => (await ground.held()).length;

  it('leave one slot of the organization’s daemons free', async () => {
    const [small, large] = [
      ...(await ground.daemons(1, { slots: 1 })),
      ...(await ground.daemons(1, { slots: 3 })),
    ];
    const plane = ground.replica(ground.store.database, null);
    for (let i = 0; i < 5; i++) await ground.make.prebuild(pool);
    const taken = await Promise.all(
      [large!, large!, large!, small!].map((daemon) => plane.wait(daemon, 0)),
    );
    expect(taken.filter((job) => job !== undefined)).toHaveLength(3);
    const person = await ground.make.workspace(ground.template, { ownerId: ground.ownerId });
    expect(await plane.wait(small!, 0)).toMatchObject({ id: person.jobId });
    expect(await plane.wait(large!, 0)).toBeUndefined();

    const done = taken.find((job) => job !== undefined)!;
    await ground.store.sql(
      'update jobs set completed_at = standby_now(), succeeded = true where id = $1',
      [done.id],
    );
    expect(await plane.wait(large!, 0)).toBeDefined();
    expect(await running()).toBe(4);
  });

  it('may use the only slot there is, or as many as are configured', async () => {
    const [only] = await ground.daemons(1, { slots: 1 });
    for (let i = 0; i < 4; i++) await ground.make.prebuild(pool);
    expect(await ground.replica(ground.store.database, null).wait(only!, 0)).toBeDefined();
    expect(await ground.replica(ground.store.database, null).wait(only!, 0)).toBeUndefined();
    const configured = ground.replica(ground.store.database, 2);
    expect(await configured.wait(only!, 0)).toBeDefined();
    expect(await configured.wait(only!, 0)).toBeUndefined();
  });

  it('keep their place in the queue by their age, and the limit all the same', async () => {
    const [daemon] = await ground.daemons(1, { slots: 2 });
    const plane = ground.replica(ground.store.database, null);
    const aged = [await ground.make.prebuild(pool), await ground.make.prebuild(pool)];
    await ground.store.sql(
      `update jobs set created_at = created_at - interval '30 minutes' where id = any ($1)`,
      [aged.map(({ jobId }) => jobId)],
    );
    const person = await ground.make.workspace(ground.template, { ownerId: ground.ownerId });
    const order = [await plane.wait(daemon!, 0), await plane.wait(daemon!, 0)];
    expect(order.map((job) => job?.id)).toEqual([aged[0]!.jobId, person.jobId]);
    expect(await plane.wait(daemon!, 0)).toBeUndefined();
  });

  it(
    'never exceed the limit, however many control planes hand them out',
    { timeout: 60_000 },
    async () => {
      const planes = [1, 2, 3].map(() => ground.replica(ground.store.open(4), 5));
      const waiting = await ground.daemons(12);
      for (let round = 0; round < 15; round++) {
        for (let i = 0; i < 8; i++) await ground.make.prebuild(pool);
        await Promise.all(
          waiting.map((daemon, index) => planes[index % planes.length]!.wait(daemon, 0)),
        );
        expect(await running()).toBe(5);
        await ground.endAll();
      }
    },
  );

  it('of one organization do not count for another', async () => {
    const everywhere = await ground.queue.daemon({ slots: 2 });
    const plane = ground.replica(ground.store.database, null);
    const other = await ground.make.pool(
      await ground.make.template({ organizationId: await ground.make.organization() }),
    );
    for (const each of [pool, pool, other, other]) await ground.make.prebuild(each);
    const taken = [];
    for (let i = 0; i < 4; i++) taken.push(await plane.wait(everywhere, 0));
    expect(taken.map((job) => job?.organizationId)).toEqual([
      ground.organizationId,
      other.organizationId,
      undefined,
      undefined,
    ]);
  });

  /** All that a control plane consists of, but for the socket, as daemons call it. */
  const startPlane = async (settings: Readonly<Record<string, string>>): Promise<ControlPlane> => {
    const { store } = ground;
    const token = createToken(store.kit.rng, 'sbp').secret;
    const adminToken = createToken(store.kit.rng, 'sbt').secret;
    await bootstrapInstallation(store, { adminToken, provisionerKey: token });
    const address = 'http://control-plane.test';
    const { api } = createControlPlaneParts(store.kit, {
      config: loadConfig(settings),
      database: store.database,
      builders: store.database,
      bus: DEAF,
      secretKey: TEST_SECRET_KEY,
      keyring: store.keyring,
      metricsToken: 'nobody',
      alone: false,
      url: () => address,
    });
    const send = async (url: string, init: RequestInit): Promise<Response> =>
      api.app.fetch(new Request(url, init));
    return createHttpControlPlane(createClient({ url: address, token, fetch: send }));
  };

  it('are as many at once as the setting of a control plane says', async () => {
    const plane = await startPlane({ STANDBY_PREBUILDS_MAX_CONCURRENT_JOBS: '2' });
    for (let i = 0; i < 4; i++) await ground.make.prebuild(pool);
    const { signal } = new AbortController();
    const daemonId = createId<DaemonId>(ground.store.kit);
    const { incarnation } = await plane.register(
      {
        ...{ protocol_version: 4, daemon_id: daemonId, registration_id: null, machine_id: 'm' },
        ...{ name: 'd', drivers: ['null'], tools: {}, tags: {}, slots: 8, version: '1' },
      },
      signal,
    );
    const taken = [];
    for (let i = 0; i < 4; i++) {
      const call = { waitMs: 0, callId: createId(ground.store.kit), lostCalls: [] };
      taken.push(await plane.acquire({ daemonId, incarnation }, call, signal));
    }
    expect(taken.filter((job) => job !== undefined)).toHaveLength(2);
    expect(await running()).toBe(2);
  });
});
