import { afterEach, describe, expect, it } from 'vitest';
import { createManualClock, type ManualClock } from '../../test/support/manual-clock.ts';
import { createKit } from '../base/kit.ts';
import { silentLog } from '../base/log.ts';
import type { ChangeListener, Machine } from './driver.ts';
import type { Registered, Registration } from './registration.ts';
import { report, type ReporterDeps } from './report.ts';

let stop = new AbortController();
const INTERVAL_MS = 60_000;

interface Reporting {
  readonly clock: ManualClock;
  readonly ring: ChangeListener;
  readonly count: () => number;
}

/** Of one workspace; each report takes as long as is said. */
async function begin(tookMs = 0): Promise<Reporting> {
  const clock = createManualClock();
  let reports = 0;
  let ring: ChangeListener = () => undefined;
  const machine: Pick<Machine, 'inspect'> = {
    inspect: () => Promise.resolve([{ id: 'w', state: 'running', ready: true }]),
  };
  const deps: ReporterDeps = {
    kit: { ...createKit(silentLog), clock },
    controlPlane: {
      report: async () => {
        reports += 1;
        if (tookMs > 0) await clock.sleep(tookMs);
        return [];
      },
    },
    offered: {
      machines: () => [machine as Machine],
      onChange: (listener) => {
        ring = listener;
      },
    },
    registration: {
      get: () => Promise.resolve({ reportIntervalMs: INTERVAL_MS } as Registered),
    } as unknown as Registration,
  };
  void report(deps, { signal: stop.signal, concurrency: 1 });
  await clock.advance(0);
  await clock.advance(tookMs);
  expect(reports).toBe(1);
  return { clock, ring: (how) => ring(how), count: () => reports };
}

afterEach(() => {
  stop.abort();
  stop = new AbortController();
});

describe('a report', () => {
  it('of what somebody may wait for goes without a wait', async () => {
    const { clock, ring, count } = await begin();
    ring('at once');
    await clock.advance(0);
    expect(count()).toBe(2);
  });

  it('of anything else waits for more', async () => {
    const { clock, ring, count } = await begin();
    await clock.advance(1_000);
    ring('soon');
    ring('soon');
    await clock.advance(0);
    await clock.advance(9);
    expect(count()).toBe(1);
    await clock.advance(1);
    expect(count()).toBe(2);
  });

  it('that waits for more goes as soon as it is about what somebody may wait for', async () => {
    const { clock, ring, count } = await begin();
    await clock.advance(1_000);
    ring('soon');
    await clock.advance(2);
    ring('at once');
    await clock.advance(0);
    expect(count()).toBe(2);
  });

  it('leaves the control plane three quarters of the time, whatever it is about', async () => {
    const { clock, ring, count } = await begin(20);
    ring('at once');
    await clock.advance(0);
    await clock.advance(59);
    expect(count()).toBe(1);
    await clock.advance(1);
    expect(count()).toBe(2);
  });
});
