// Provisioner jobs as people see them.
import { z } from 'zod';
import { idField, timeField } from '../field.ts';

export const JOB_STATUSES = [
  'pending',
  'running',
  'canceling',
  'succeeded',
  'failed',
  'canceled',
] as const;

const ENDED_STATUSES = ['succeeded', 'failed', 'canceled'] as const;

export const jobView = z
  .object({
    id: idField,
    type: z.enum(['workspace_build', 'template_version_import', 'rehearsal', 'stray_cleanup']),
    status: z.enum(JOB_STATUSES),
    organization: z.string(),
    driver: z.string(),
    initiator: z.string(),
    /** What it is about: a workspace's build or a template's version. */
    subject: z.string(),
    attempt: z.int(),
    daemon: z.string().nullable(),
    created_at: timeField,
    acquired_at: timeField.nullable(),
    completed_at: timeField.nullable(),
    error: z.string().nullable(),
    error_code: z.string().nullable(),
    /** Why a pending job does not start, when that is known. */
    waiting_reason: z.string().nullable(),
  })
  .meta({ id: 'Job' });

export const logEntryView = z
  .object({
    attempt: z.int(),
    seq: z.int(),
    at: timeField,
    level: z.enum(['debug', 'info', 'warn', 'error']),
    line: z.string(),
  })
  .meta({ id: 'LogEntry' });

export const jobLogsAnswer = z.object({
  entries: z.array(logEntryView),
  /** Pass back as `after` for what comes next. */
  next: z.string(),
  /** True when no more lines will come. */
  complete: z.boolean(),
  /** The log reached its limit; its last line says so. */
  truncated: z.boolean(),
  /** The job ended so long ago that its log was taken away. */
  pruned: z.boolean(),
});

/** How a job ended, after the last of its lines. */
export const jobLogEnd = z
  .object({
    status: z.enum(ENDED_STATUSES),
    error: z.string().nullable(),
    error_code: z.string().nullable(),
    /** The log reached its limit; its last line says so. */
    truncated: z.boolean(),
    /** The job ended so long ago that its log was taken away. */
    pruned: z.boolean(),
  })
  .meta({ id: 'JobLogEnd' });

/** The events of a stream that follows a job's log. */
export const jobLogEvents = { line: logEntryView, end: jobLogEnd } as const;

export type JobView = z.output<typeof jobView>;
export type LogEntryView = z.output<typeof logEntryView>;
export type JobLogEnd = z.output<typeof jobLogEnd>;
