// Random snapshots of a preset around a fixed moment, with ties and boundaries made likely.
import fc from 'fast-check';
import type { LivePrebuild, PresetSnapshot } from '../../src/domain/pool/snapshot.ts';

/** A Monday, 10:00 in Berlin. */
export const NOW = Date.parse('2026-01-05T09:00:00Z');
export const BACKOFF = { backoffIntervalMs: 60_000 };

const TTL_SECONDS = 3600;

/** Before and after `NOW` by amounts at which something changes. */
const instant = fc
  .constantFrom(-TTL_SECONDS - 1, -TTL_SECONDS, -600, -121, -120, -60, -1, 0, 1, 300)
  .map((seconds) => NOW + seconds * 1000);

const prebuilds = (prefix: string, maxLength: number): fc.Arbitrary<LivePrebuild[]> =>
  fc.array(fc.record({ createdAt: instant, ready: fc.boolean() }), { maxLength }).chain((list) =>
    // Ids in another order than the list, so that nothing is in order by chance.
    fc
      .shuffledSubarray(
        list.map((_, n) => `${prefix}${n}`),
        { minLength: list.length },
      )
      .map((ids) => list.map((prebuild, n) => ({ id: ids[n] ?? '', ...prebuild }))),
  );

const schedules = fc.constantFrom(
  [],
  [],
  [{ cron: '* 9-17 * * 1-5', instances: 7 }],
  [{ cron: '* 18-21 * * *', instances: 7 }],
  [{ cron: '@daily', instances: 7 }],
);

export const presetSnapshot: fc.Arbitrary<PresetSnapshot> = fc
  .record({
    preset: fc.record({
      desired: fc.nat(8),
      maxInstances: fc.option(fc.nat(12)),
      ttlSeconds: fc.constantFrom(null, 0, TTL_SECONDS),
      usingActiveVersion: often(true),
      deleted: often(false),
      deprecated: often(false),
      lastInvalidatedAt: fc.option(instant),
      timezone: fc.constantFrom('Europe/Berlin', ''),
      schedules,
      status: fc.constantFrom('healthy', 'healthy', 'validation_failed'),
      paused: often(false),
    }),
    running: prebuilds('w', 10),
    unhealthy: prebuilds('u', 3),
    stopping: fc.nat(2),
    deleting: fc.nat(2),
    started: fc.nat(3),
    startingPending: fc.nat(4),
    pendingInactive: fc.nat(3),
    backoff: fc.option(fc.record({ numFailed: fc.nat(3), lastBuildAt: instant })),
    hardLimited: often(false),
    trialAt: fc.option(instant),
    waiting: fc.constantFrom(0, 0, 1, 5),
    unproven: fc.constantFrom(0, 0, 1, 5),
  })
  .map(({ stopping, deleting, started, startingPending, ...rest }): PresetSnapshot => ({
    ...rest,
    inProgress: { starting: started + startingPending, startingPending, stopping, deleting },
  }));

/** An active preset that nothing holds back. */
export const freeSnapshot: fc.Arbitrary<PresetSnapshot> = presetSnapshot.map((snapshot) => ({
  ...snapshot,
  preset: {
    ...snapshot.preset,
    usingActiveVersion: true,
    deleted: false,
    deprecated: false,
    paused: false,
    status: 'healthy',
  },
  backoff: null,
  hardLimited: false,
}));

function often(value: boolean): fc.Arbitrary<boolean> {
  return fc.constantFrom(value, value, value, value, !value);
}
