// Heartbeats of an attempt whose job prints without end, on a clock that the test moves.
import { describe, expect, it } from 'vitest';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { AppError } from '../base/app-error.ts';
import { createKit } from '../base/kit.ts';
import { silentLog } from '../base/log.ts';
import type { DaemonId } from '../base/id.ts';
import type { ControlPlane } from './control-plane.ts';
import { createLogBuffer } from './log-buffer.ts';
import { beat } from './pulse.ts';

const INTERVAL_MS = 10_000;
const STEP_MS = 50;
const LINE = 'x'.repeat(1_000);
/** 20 MB a second. */
const LINES_A_STEP = 1_000;
/** As the buffer counts: quotes, and what goes with each line. */
const LINE_COST = 1_130;

interface Plane {
  /** How long a heartbeat takes. */
  readonly answerMs: number;
  /** Lines that are stored before the log is full. */
  readonly maxLines: number;
  isAway: boolean;
}

function setUp(plane: Plane) {
  const clock = createManualClock();
  const logs = createLogBuffer(clock);
  const beats: { readonly atMs: number; readonly lines: number; readonly chars: number }[] = [];
  let stored = 0;
  const heartbeat: ControlPlane['heartbeat'] = async (_attempt, lines) => {
    const chars = lines.reduce((sum, { line }) => sum + line.length, 0);
    beats.push({ atMs: clock.monotonicMs(), lines: lines.length, chars });
    await clock.sleep(plane.answerMs);
    if (plane.isAway) throw new AppError('SERVER_UNREACHABLE', 'away');
    stored += lines.length;
    return { cancel: false, log_full: stored >= plane.maxLines };
  };
  const done = new AbortController();
  const rng = { next: () => 0.5, bytes: () => new Uint8Array() };
  const kit = { ...createKit(silentLog), clock, rng };
  const beating = beat(
    {
      kit,
      controlPlane: { heartbeat } as ControlPlane,
      attempt: { daemonId: 'd' as DaemonId, incarnation: 1, jobId: 'j', attempt: 1 },
      logs,
      onCancel: () => undefined,
      onStale: () => undefined,
    },
    INTERVAL_MS,
    done.signal,
  );
  return {
    logs,
    beats,
    flood: async (seconds: number) => {
      for (let step = 0; step < (seconds * 1_000) / STEP_MS; step += 1) {
        for (let i = 0; i < LINES_A_STEP; i += 1) logs.add('info', LINE);
        await clock.advance(STEP_MS);
      }
    },
    longestGapMs: () => {
      const times = [0, ...beats.map(({ atMs }) => atMs), clock.monotonicMs()];
      return Math.max(...times.slice(1).map((at, i) => at - times[i]!));
    },
    end: async () => {
      done.abort();
      await clock.advance(plane.answerMs);
      await beating;
    },
  };
}

describe('the heartbeats of a job that prints 20 MB a second', () => {
  it('come on time while its log fills, each of a size that can be sent', async () => {
    const { flood, beats, longestGapMs, end } = setUp({
      ...{ answerMs: 20, maxLines: Infinity, isAway: false },
    });
    await flood(3);
    expect(longestGapMs()).toBeLessThanOrEqual(1_000);
    expect(Math.max(...beats.map(({ chars }) => chars))).toBeLessThanOrEqual(512 * 1024);
    await end();
  });

  it('come on time, and bring nothing, when its log is full', async () => {
    const plane: Plane = { answerMs: 20, maxLines: 1_000, isAway: false };
    const { logs, flood, beats, longestGapMs, end } = setUp(plane);
    await flood(3);
    const beatsUntilFull = beats.length;
    expect(beatsUntilFull).toBeLessThan(10);
    expect(logs.isEmpty).toBe(true);
    await flood(30);
    expect(longestGapMs()).toBeLessThanOrEqual(INTERVAL_MS + 1_000);
    expect(beats.slice(beatsUntilFull).map(({ lines }) => lines)).toEqual([0, 0, 0]);
    expect(logs.isEmpty).toBe(true);
    await end();
  });

  it('are tried on while the control plane is away, and no more is kept than has a place', async () => {
    const plane: Plane = { answerMs: 20, maxLines: Infinity, isAway: true };
    const { logs, flood, longestGapMs, end } = setUp(plane);
    await flood(5);
    expect(longestGapMs()).toBeLessThanOrEqual(INTERVAL_MS + 1_000);
    let kept = 0;
    for (let batch = logs.peek(); !logs.isEmpty; batch = logs.peek()) {
      kept += batch.length;
      logs.delivered(batch);
    }
    expect(kept * LINE_COST).toBeLessThanOrEqual(4 * 1024 * 1024 + LINE_COST);
    await end();
  });
});
