// Pools: what is wanted, what is there, and why not.
import { z } from 'zod';
import { BRAKE_EVENTS } from '../../domain/pool/brake-event.ts';
import { DELETE_REASONS } from '../../domain/pool/plan.ts';
import { DESIRED_SOURCES } from '../../domain/schedule/source.ts';
import { statesOf } from '../../domain/state.ts';
import { idField, timeField } from '../field.ts';
import { rehearsalView } from '../rehearsal/schema.ts';
import { waiterView } from '../waiter/schema.ts';

/** The computed state of section "decision" of the documentation, as `standby plan` prints it. */
export const poolState = z.object({
  actual: z.int(),
  expired: z.int(),
  unhealthy: z.int(),
  desired: z.int(),
  desired_source: z.enum(['inactive', ...statesOf(DESIRED_SOURCES)]),
  target: z.int(),
  eligible: z.int(),
  extraneous: z.int(),
  starting: z.int(),
  stopping: z.int(),
  deleting: z.int(),
  backoff_until: timeField.nullable(),
});

export const poolWithheld = z
  .object({
    count: z.int(),
    deletes: z.int().optional(),
    reason: z.string(),
    until: timeField.optional(),
  })
  .nullable();

const MAX_INSTANCES = 1_000;

/** How many an operator wants. */
export const poolSize = z.strictObject({
  instances: z.int().min(0).max(MAX_INSTANCES),
  /** Whether that holds against the schedules of the template too. */
  overrides_schedules: z.boolean(),
});

export const poolView = z
  .object({
    id: idField,
    organization: z.string(),
    template: z.string(),
    preset: z.string(),
    version: z.string().nullable(),
    /** By itself. */
    paused: z.boolean(),
    /** All pools are, by the settings. */
    reconciliation_paused: z.boolean(),
    /** What an operator set in place of the template's count; null: nothing. */
    size_override: poolSize.nullable(),
    last_invalidated_at: timeField.nullable(),
    /** Set while the newest builds all failed: nothing is built but trials. */
    limit: z
      .object({
        since: timeField,
        /** When one build is tried, unless one is being tried. */
        trial_at: timeField,
        trial_workspace_id: idField.nullable(),
      })
      .nullable(),
    /** Null when no version of the template asks for this pool any more. */
    state: poolState.nullable(),
    withheld: poolWithheld,
    validation_error: z.string().nullable(),
    /** What a claim from it would destroy, by the active version; null when that asks for no pool. */
    rehearsal: rehearsalView.nullable(),
  })
  .meta({ id: 'Pool' });

export const planAction = z.union([
  z.object({ type: z.enum(['cancel_pending', 'create']), count: z.int() }),
  z.object({
    type: z.literal('delete'),
    reason: z.enum(statesOf(DELETE_REASONS)),
    ids: z.array(idField),
  }),
]);

export const poolPlan = z
  .object({
    /** One for each version with something to fill or to drain, in the order of their turn. */
    presets: z.array(
      z.object({
        preset_id: idField,
        version: z.string(),
        active: z.boolean(),
        state: poolState,
        actions: z.array(planAction),
        withheld: poolWithheld,
        validation_error: z.string().nullable(),
      }),
    ),
    housekeeping: z.object({
      /** Failed starts that were kept long enough. */
      retire: z.array(idField),
      /** Failed deletes to be tried again. */
      retry: z.array(idField),
    }),
    /** What would become of the limit. */
    limit_event: z.enum(statesOf(BRAKE_EVENTS)).nullable(),
    /** When something falls due by itself. */
    next_boundary: timeField.nullable(),
  })
  .meta({ id: 'PoolPlan' });

/** A pool, and what its next turn would do. */
export const plannedPoolView = poolView.extend({ plan: poolPlan }).meta({ id: 'PlannedPool' });

export const poolEventView = z
  .object({
    kind: z.string(),
    at: timeField,
    workspace_id: idField.nullable(),
    reason: z.string().nullable(),
    details: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'PoolEvent' });

export const poolMemberView = z
  .object({
    workspace_id: idField,
    name: z.string(),
    status: z.string(),
    ready: z.boolean(),
    since: timeField.nullable(),
    /** Why it is unhealthy. */
    problem: z.string().nullable(),
  })
  .meta({ id: 'PoolMember' });

export const poolDetailView = plannedPoolView
  .extend({
    members: z.array(poolMemberView),
    /** The first 50 of those who wait for a prebuild, in the order of their turn. */
    waiters: z.array(waiterView),
    events: z.array(poolEventView),
  })
  .meta({ id: 'PoolDetail' });

export const changePoolBody = z
  .strictObject({
    paused: z.boolean().optional(),
    /** Null: as the template says. */
    size: poolSize
      .extend({ overrides_schedules: poolSize.shape.overrides_schedules.default(false) })
      .nullable()
      .optional(),
  })
  .refine((given) => given.paused !== undefined || given.size !== undefined, {
    message: 'must have paused or size',
  });

export type PlannedPoolView = z.output<typeof plannedPoolView>;
export type PoolView = z.output<typeof poolView>;
export type PoolDetailView = z.output<typeof poolDetailView>;
