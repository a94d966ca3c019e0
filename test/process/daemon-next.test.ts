// The slots of a daemon ask for their next job as they report a result: against a control plane in memory.
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createKit } from '../../src/base/kit.ts';
import { silentLog } from '../../src/base/log.ts';
import { createDaemon, type Daemon } from '../../src/provisioner/daemon.ts';
import { sampleJob } from '../support/acquired-job.ts';
import { createFakeControlPlane, type FakeControlPlane } from '../support/fake-control-plane.ts';
import { createScriptedDriver, type ScriptedDriver } from '../support/scripted-driver.ts';
import { makeTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const kit = createKit(silentLog);
const JOBS = 4;
let scratch: TemporaryFolder;
let plane: FakeControlPlane;
let driver: ScriptedDriver;
let daemon: Daemon;

beforeEach(async () => {
  scratch = await makeTemporaryFolder();
  plane = createFakeControlPlane();
  driver = createScriptedDriver();
  daemon = createDaemon(kit, {
    ...{ folder: path.join(scratch.path, 'daemon'), name: 'd', version: '1', tags: {} },
    ...{ concurrency: 1, controlPlane: plane, drivers: [driver], drainMs: 50 },
  });
});

afterEach(async () => {
  expect(await daemon.stop('the test is over', 5_000)).toBe('stopped');
  await scratch[Symbol.asyncDispose]();
});

/** All of them wait before the daemon comes. */
async function doAll(): Promise<void> {
  const offered = Array.from({ length: JOBS }, () => plane.offer(sampleJob()));
  await daemon.start();
  await until(() =>
    expect(offered.map(({ status }) => status)).toEqual(offered.map(() => 'ended')),
  );
  // Each was done once, whoever took it how often.
  expect(offered.map(({ resultAttempt }) => resultAttempt)).toEqual(offered.map(() => 1));
  expect(driver.world.size).toBe(JOBS);
  expect(driver.undone).toEqual([]);
}

describe('a slot that reports a result', () => {
  it('is given the next job with the receipt', async () => {
    const acquire = vi.spyOn(plane, 'acquire');
    await doAll();
    await until(() => expect(plane.waiting).toBeGreaterThan(0));
    // For the first job, and once nothing more came.
    expect(acquire).toHaveBeenCalledTimes(2);
  });

  it('does not begin what comes with a receipt as the daemon stops, and gives it back', async () => {
    const [first, second] = [plane.offer(sampleJob()), plane.offer(sampleJob())];
    let stopped: Promise<unknown> | undefined;
    const complete = plane.complete.bind(plane);
    plane.complete = async (...report) => {
      const next = await complete(...report);
      stopped ??= daemon.stop('enough', 5_000);
      return next;
    };
    await daemon.start();
    await until(() => expect(stopped).toBeDefined());
    expect(await stopped).toBe('stopped');
    expect([first.status, second.status]).toEqual(['ended', 'pending']);
    expect(driver.world.size).toBe(1);
  });

  it('gets the job that came with a receipt that was lost', async () => {
    plane.loseAnswers = 2;
    const complete = vi.spyOn(plane, 'complete');
    await doAll();
    expect(plane.loseAnswers).toBe(0);
    const calls = complete.mock.calls.map(([, { nextCallId }]) => nextCallId);
    // What is said again asks for nothing: the lost call may have taken something.
    expect(calls[1]).toBeUndefined();
    expect(calls).toHaveLength(JOBS + 2);
  });
});
