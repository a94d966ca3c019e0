// A preset's snapshot as a document: the input of `standby plan --snapshot`.
import { z } from 'zod';
import { parseInstant, type Instant } from '../../base/clock.ts';
import type { LivePrebuild, PresetSnapshot } from '../../domain/pool/snapshot.ts';

/** Everything one decision is made from. */
export interface PlanInput {
  readonly now: Instant;
  readonly backoffIntervalMs: number;
  readonly snapshot: PresetSnapshot;
}

// Bounds far above anything real, so that no sum of them leaves the range of dates.
const count = z.int().min(0).max(1_000_000);
const days31 = 31 * 24 * 3600;

const instant = z.string().transform((text, context): Instant => {
  const at = parseInstant(text);
  if (at !== undefined) return at;
  context.addIssue({ code: 'custom', message: 'must be a time such as 2026-01-02T08:00:00Z' });
  return z.NEVER;
});

const prebuild = z
  .strictObject({ id: z.string().min(1), created_at: instant, ready: z.boolean() })
  .transform(({ id, created_at, ready }): LivePrebuild => ({ id, createdAt: created_at, ready }));

const preset = z.strictObject({
  desired: count,
  max_instances: count.nullable().default(null),
  ttl_seconds: z.int().min(0).nullable(),
  using_active_version: z.boolean(),
  deleted: z.boolean(),
  deprecated: z.boolean(),
  last_invalidated_at: instant.nullable(),
  timezone: z.string(),
  schedules: z.array(z.strictObject({ cron: z.string(), instances: count })),
  // `hard_limited` was a stored status once: the flag decides, so here it means healthy.
  status: z.enum(['healthy', 'validation_failed', 'hard_limited']).default('healthy'),
  paused: z.boolean().default(false),
});

const document = z.strictObject({
  now: instant,
  config: z.strictObject({ backoff_interval_seconds: z.number().min(0).max(days31) }),
  preset,
  running: z.array(prebuild),
  unhealthy: z.array(prebuild).default([]),
  in_progress: z.strictObject({
    starting: count,
    starting_pending: count.default(0),
    stopping: count,
    deleting: count,
  }),
  pending_inactive: count,
  backoff: z.strictObject({ num_failed: count, last_build_at: instant }).nullable(),
  hard_limited: z.boolean(),
  trial_at: instant.nullable().default(null),
  waiting: count.default(0),
  unproven: count.default(0),
});

/** Parses the document; unknown keys are refused, since a misspelt one would change the plan. */
export const planInputSchema = document.transform((given): PlanInput => ({
  now: given.now,
  backoffIntervalMs: Math.round(given.config.backoff_interval_seconds * 1000),
  snapshot: {
    preset: toPreset(given.preset),
    running: given.running,
    unhealthy: given.unhealthy,
    inProgress: {
      starting: given.in_progress.starting,
      startingPending: given.in_progress.starting_pending,
      stopping: given.in_progress.stopping,
      deleting: given.in_progress.deleting,
    },
    pendingInactive: given.pending_inactive,
    backoff:
      given.backoff === null
        ? null
        : { numFailed: given.backoff.num_failed, lastBuildAt: given.backoff.last_build_at },
    hardLimited: given.hard_limited,
    trialAt: given.trial_at,
    waiting: given.waiting,
    unproven: given.unproven,
  },
}));

function toPreset(given: z.output<typeof preset>): PresetSnapshot['preset'] {
  return {
    desired: given.desired,
    maxInstances: given.max_instances,
    ttlSeconds: given.ttl_seconds,
    usingActiveVersion: given.using_active_version,
    deleted: given.deleted,
    deprecated: given.deprecated,
    lastInvalidatedAt: given.last_invalidated_at,
    timezone: given.timezone,
    schedules: given.schedules,
    status: given.status === 'hard_limited' ? 'healthy' : given.status,
    paused: given.paused,
  };
}
