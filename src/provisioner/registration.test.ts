import { describe, expect, it } from 'vitest';
import { AppError } from '../base/app-error.ts';
import type { DaemonId } from '../base/id.ts';
import { createKit } from '../base/kit.ts';
import { silentLog } from '../base/log.ts';
import { createRegistration, type DaemonBody, type RegistrationDeps } from './registration.ts';

const FORGOTTEN = new AppError('NOT_FOUND', 'this key has registered no such daemon');

const BODY: DaemonBody = {
  ...{ protocol_version: 1, daemon_id: 'd' as DaemonId, machine_id: 'm', name: 'd' },
  ...{ drivers: [], tools: {}, tags: {}, slots: 1, version: '1' },
};

/** A control plane that only registers. */
function registrationWith(change: Partial<RegistrationDeps> = {}) {
  let incarnation = 0;
  const deps: RegistrationDeps = {
    kit: createKit(silentLog),
    controlPlane: {
      register: async () => ({
        incarnation: (incarnation += 1),
        heartbeat_interval_ms: 1,
        report_interval_ms: 1,
        ended_attempts: [],
      }),
    },
    body: () => BODY,
    signal: new AbortController().signal,
    onEnded: async () => undefined,
    onReplaced: () => undefined,
    ...change,
  };
  return createRegistration(deps);
}

describe('a daemon that was forgotten', () => {
  it('registers again once, however many of its calls hear of it and when', async () => {
    const registration = registrationWith();
    const first = await registration.get();
    registration.refused(FORGOTTEN, first);
    const again = registration.get();
    registration.refused(FORGOTTEN, first);
    expect((await registration.get()).incarnation).toBe(2);
    registration.refused(FORGOTTEN, first);
    expect(await registration.get()).toBe(await again);
  });
});

describe('a registration whose answer was lost', () => {
  it('is said again as the same one, and a later one is another', async () => {
    const said: unknown[] = [];
    const registration = registrationWith({
      controlPlane: {
        register: async ({ registration_id: id }) => {
          said.push(id);
          if (said.length === 1) throw new AppError('SERVER_UNREACHABLE', 'no answer came');
          return {
            incarnation: said.length,
            heartbeat_interval_ms: 1,
            report_interval_ms: 1,
            ended_attempts: [],
          };
        },
      },
    });
    const registered = await registration.get();
    expect(said).toEqual([expect.any(String), said[0]]);
    registration.refused(FORGOTTEN, registered);
    await registration.get();
    expect(new Set(said).size).toBe(2);
  });
});

describe('a daemon that was replaced', () => {
  it('learns it from what is said of its newest registration, and of no other', async () => {
    const replaced: AppError[] = [];
    const registration = registrationWith({ onReplaced: (error) => void replaced.push(error) });
    const first = await registration.get();
    registration.refused(FORGOTTEN, first);
    const second = await registration.get();
    const error = new AppError('DAEMON_REPLACED', 'it has registered again');
    registration.refused(error, first);
    expect(replaced).toEqual([]);
    registration.refused(error, second);
    expect(replaced).toEqual([error]);
  });
});

describe('a daemon that has changed', () => {
  it('says so as the same registration, and as a new one after it was forgotten', async () => {
    const said: { id: unknown; drivers: readonly string[] }[] = [];
    let drivers: string[] = [];
    const registration = registrationWith({
      body: () => ({ ...BODY, drivers }),
      controlPlane: {
        register: async ({ registration_id: id, drivers: offered }) => {
          said.push({ id, drivers: offered });
          return {
            incarnation: new Set(said.map((one) => one.id)).size,
            heartbeat_interval_ms: 1,
            report_interval_ms: 1,
            ended_attempts: [],
          };
        },
      },
    });
    const first = await registration.get();
    drivers = ['docker'];
    await registration.renew();
    expect(await registration.get()).toEqual(first);
    expect(said).toEqual([
      { id: expect.any(String) as string, drivers: [] },
      { id: said[0]?.id, drivers: ['docker'] },
    ]);
    registration.refused(FORGOTTEN, first);
    expect((await registration.get()).incarnation).toBe(2);
    expect(said.at(-1)).toMatchObject({ drivers: ['docker'] });
  });
});
