// What a claim would destroy of what was built ahead of time, as it was planned.
import { z } from 'zod';
import { REHEARSAL_STATUSES } from '../../domain/job/rehearsal.ts';
import { statesOf } from '../../domain/state.ts';
import { idField, timeField } from '../field.ts';
import { replacementField } from '../provisioner/protocol.ts';

export const rehearsalView = z
  .object({
    preset: z.string(),
    status: z.enum(statesOf(REHEARSAL_STATUSES)),
    /** Of `replaces` only. */
    findings: z.array(replacementField),
    /** Why it failed, or why the last one says nothing. */
    error: z.string().nullable(),
    /** The newest job that planned it; null before the first, and long after its end. */
    job_id: idField.nullable(),
    completed_at: timeField.nullable(),
  })
  .meta({ id: 'Rehearsal' });

export type RehearsalView = z.output<typeof rehearsalView>;
