// Waiters: places in line for a prebuild.
import { z } from 'zod';
import { statesOf } from '../../domain/state.ts';
import { NO_ESTIMATE } from '../../domain/waiter/estimate.ts';
import { WAITER_STATES } from '../../domain/waiter/outcome.ts';
import { idField, timeField } from '../field.ts';

/** Null when it does not wait, or nothing can be promised: `eta_reason` says why. */
export const etaField = z.int().nullable();
export const etaReasonField = z.enum(statesOf(NO_ESTIMATE)).nullable();

export const waiterView = z
  .object({
    id: idField,
    organization: z.string(),
    owner: z.string(),
    template: z.string(),
    preset: z.string(),
    /** Of the workspace; kept free for it. */
    name: z.string(),
    priority: z.int(),
    state: z.enum(statesOf(WAITER_STATES)),
    /** In the line of its pool, counted from 1; null when it does not wait any more. */
    position: z.int().nullable(),
    eta_seconds: etaField,
    eta_reason: etaReasonField,
    /** What it was served with. */
    workspace_id: idField.nullable(),
    /** Why it was not: WAIT_TIMEOUT, WAIT_CANCELED, PRESET_GONE and others. */
    error_code: z.string().nullable(),
    error: z.string().nullable(),
    created_at: timeField,
    deadline_at: timeField,
    ended_at: timeField.nullable(),
  })
  .meta({ id: 'Waiter' });

export type WaiterView = z.output<typeof waiterView>;
