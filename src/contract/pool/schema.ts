// Pools: what is wanted, what is there, and why not.
import { z } from 'zod';
import { DESIRED_SOURCES } from '../../domain/schedule/source.ts';
import { statesOf } from '../../domain/state.ts';
import { idField, timeField } from '../field.ts';

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

export const poolView = z
  .object({
    id: idField,
    organization: z.string(),
    template: z.string(),
    preset: z.string(),
    version: z.string().nullable(),
    paused: z.boolean(),
    /** Null when no version of the template asks for this pool any more. */
    state: poolState.nullable(),
    withheld: poolWithheld,
    validation_error: z.string().nullable(),
  })
  .meta({ id: 'Pool' });

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

export const poolDetailView = poolView
  .extend({ members: z.array(poolMemberView), events: z.array(poolEventView) })
  .meta({ id: 'PoolDetail' });

export type PoolView = z.output<typeof poolView>;
export type PoolDetailView = z.output<typeof poolDetailView>;
