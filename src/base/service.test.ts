import { describe, expect, it } from 'vitest';
import { createDeferred } from '../../test/support/deferred.ts';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { createService, type ServiceScope } from './service.ts';

/** A service with work that ends when it is told to. */
function createBusyService() {
  const clock = createManualClock();
  const work = createDeferred<undefined>();
  const scopes: ServiceScope[] = [];
  const released: string[] = [];
  const service = createService(clock, {
    name: 'busy',
    start: (scope) => {
      scopes.push(scope);
      scope.background(work.promise);
      return Promise.resolve();
    },
    stop: () => {
      released.push('released');
      return Promise.resolve();
    },
  });
  const reason = (): unknown => scopes[0]?.signal.reason;
  return { clock, service, scopes, released, reason, endWork: () => work.resolve(undefined) };
}

describe('a service', () => {
  it('tells its work why it stops, once', async () => {
    const { service, reason, endWork } = createBusyService();
    await service.start();
    const stops = [service.stop('an upgrade', 1_000), service.stop('another', 1_000)];
    expect(reason()).toMatchObject({ name: 'StopCause', message: 'an upgrade' });
    endWork();
    expect(await Promise.all(stops)).toEqual(['stopped', 'stopped']);
    expect(reason()).toMatchObject({ message: 'an upgrade' });
  });

  it('says when the deadline came first, and goes on to its end', async () => {
    const { clock, service, released, endWork } = createBusyService();
    await service.start();
    const stopping = service.stop('an upgrade', 1_000);
    await clock.advance(1_000);
    expect(await stopping).toBe('deadline');
    expect(released).toEqual([]);
    endWork();
    expect(await service.stop('again', 1_000)).toBe('stopped');
    expect(released).toEqual(['released']);
    expect(clock.sleeping()).toBe(0);
  });

  it('waits for as long as it is given, and no shorter', async () => {
    const { clock, service, released, endWork } = createBusyService();
    await service.start();
    const stopping = service.stop('an upgrade', 1_000);
    await clock.advance(999);
    endWork();
    expect(await stopping).toBe('stopped');
    expect(released).toEqual(['released']);
  });

  it('starts once, and not after a stop', async () => {
    const { service, scopes, endWork } = createBusyService();
    endWork();
    await service.start();
    await service.start();
    expect(scopes).toHaveLength(1);
    await service.stop('test', 1_000);
    await service.start();
    expect(scopes).toHaveLength(1);
    const unstarted = createBusyService();
    expect(await unstarted.service.stop('test', 1_000)).toBe('stopped');
    await unstarted.service.start();
    expect(unstarted.scopes).toEqual([]);
    expect(unstarted.released).toEqual([]);
  });
});
