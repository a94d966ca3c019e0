// Workspaces, and the request for one.
import { z } from 'zod';
import { MISS_REASONS } from '../../domain/claim/miss-reason.ts';
import { STAGES, TRANSITIONS } from '../../domain/job/job.ts';
import { statesOf } from '../../domain/state.ts';
import { AUTOMATIC_UPDATES } from '../../domain/workspace/automatic-updates.ts';
import { WORKSPACE_STATUSES } from '../../domain/workspace/status.ts';
import { AGENT_LIFECYCLES } from '../agent/protocol.ts';
import { idField, nameField, parametersField, timeField } from '../field.ts';
import { MAX_PRIORITY } from '../../domain/waiter/outcome.ts';
import { etaField, etaReasonField, waiterView } from '../waiter/schema.ts';
import { ownerValuesFields } from './owner-values.ts';
import { outputsField, replacementField } from '../provisioner/protocol.ts';

export const buildView = z
  .object({
    id: idField,
    number: z.int(),
    transition: z.enum(statesOf(TRANSITIONS)),
    stage: z.enum(statesOf(STAGES)),
    reason: z.string(),
    version: z.string(),
    preset: z.string().nullable(),
    initiator: z.string(),
    job_id: idField,
    status: z.string(),
    error: z.string().nullable(),
    error_code: z.string().nullable(),
    created_at: timeField,
    /** What the build of a claim threw away of the prebuilt workspace. */
    replaced: z.array(replacementField),
  })
  .meta({ id: 'Build' });

export const workspaceView = z
  .object({
    id: idField,
    organization: z.string(),
    owner: z.string(),
    template: z.string(),
    name: z.string(),
    origin: z.enum(['prebuild', 'user']),
    epoch: z.int(),
    status: z.enum(statesOf(WORKSPACE_STATUSES)),
    /** Running, every agent or check ready, and every agent has taken over the present owner. */
    usable: z.boolean(),
    agents: z.array(
      z.object({
        name: z.string(),
        kind: z.enum(['program', 'check']),
        lifecycle: z.enum(AGENT_LIFECYCLES),
        last_seen_at: timeField.nullable(),
        applied_epoch: z.int(),
      }),
    ),
    /** How to reach it, as its driver reported: `url` and more; to its owner, secret ones too. */
    outputs: outputsField,
    /** States of overtaken attempts whose infrastructure is still to be destroyed. */
    strays: z.int(),
    /** Without the values of sensitive ones. */
    parameters: parametersField,
    /** Names of sensitive parameters that have a value; the values are shown to nobody. */
    sensitive_parameters: z.array(z.string()),
    latest_build: buildView,
    created_at: timeField,
    updated_at: timeField,
    last_used_at: timeField,
    /** How long it runs after each start; null: for ever. */
    ttl_seconds: z.int().nullable(),
    /** When it is stopped, unless it is extended; null: nothing stops it by itself. */
    deadline_at: timeField.nullable(),
    /** When it is deleted, whatever it is extended by; null: never by itself. */
    lifetime_ends_at: timeField.nullable(),
    /** For how long nobody may use it while it runs; null: for ever. `last_used_at` says when somebody did. */
    idle_stop_seconds: z.int().nullable(),
    /** Since when it is dormant: stopped, and not to be started until somebody wakes it; null: it is not. */
    dormant_at: timeField.nullable(),
    /** When it is deleted, as it is dormant; null: not for that. */
    dormant_until: timeField.nullable(),
    /** When it is started by itself; null: never. */
    autostart: z
      .object({
        schedule: z.string(),
        timezone: z.string(),
        /** Null where there is no next time. */
        next_at: timeField.nullable(),
        /** Why the last start by schedule failed, and what to do; null after a later build or a change of the life. */
        refused: z
          .object({ at: timeField, code: z.string(), detail: z.string(), hint: z.string() })
          .nullable()
          // Servers from before it was told say nothing.
          .default(null),
      })
      .nullable(),
    /** `always`: each start is with the version of its template that is active then. */
    automatic_updates: z.enum(AUTOMATIC_UPDATES),
  })
  .meta({ id: 'Workspace' });

export const orphanWorkspaceAnswer = z
  .object({
    workspace: workspaceView,
    /** What may be left outside of the database, in a sentence each. */
    left_behind: z.array(z.string()),
  })
  .meta({ id: 'OrphanWorkspaceAnswer' });

export const createBuildBody = z
  .strictObject({
    /** A workspace is deleted by DELETE. */
    transition: z.enum(['start', 'stop']),
    /** Starts it with the version of its template that is active now, instead of the one that it has. */
    update: z.boolean().default(false),
    /** Starts it with other values for these; those that are immutable stay as they are. */
    parameters: parametersField.optional(),
  })
  .refine(
    ({ transition, update, parameters }) =>
      transition === 'start' || (!update && parameters === undefined),
    'must not have update or parameters with a stop',
  );

/** Whole seconds, a minute at least; 0: for ever. */
const ttlField = z
  .int()
  .min(0)
  .max(365 * 86_400)
  .refine((seconds) => seconds === 0 || seconds >= 60, 'must be 0 or at least 60');

const autostartField = z.strictObject({
  /** Cron: a range of minutes, at whose beginning it is started. */
  schedule: z.string().min(1).max(500),
  /** A name of the IANA database in its exact spelling. */
  timezone: z.string().min(1).max(64),
});

export const updateWorkspaceBody = z
  .strictObject({
    /** What to call it from now on; not together with anything else. */
    name: nameField.optional(),
    /** How long it runs after each start; one that runs, from now on. */
    ttl_seconds: ttlField.optional(),
    /** When it is stopped: later or earlier than it would be. */
    deadline_at: timeField.optional(),
    /** When it is started by itself; null: never. */
    autostart: autostartField.nullable().optional(),
    /** Whether each start is with the version of its template that is active then. */
    automatic_updates: z.enum(AUTOMATIC_UPDATES).optional(),
    /** Wakes a dormant one, which may be started again then. */
    dormant: z.literal(false).optional(),
  })
  .refine(
    ({ ttl_seconds: ttl, deadline_at: deadline }) => ttl === undefined || deadline === undefined,
    'must not have both ttl_seconds and deadline_at',
  )
  .refine(
    ({ name, ...others }) =>
      name === undefined || Object.values(others).every((value) => value === undefined),
    'must not have anything else beside name',
  );

export const createWorkspaceBody = z.strictObject({
  name: nameField,
  template: nameField,
  /** A preset's name, or `none` for explicitly without; the best match of the parameters when left out. */
  preset: z.string().min(1).max(128).optional(),
  parameters: parametersField.optional(),
  /** How long it runs after each start; as the template says unless given. */
  ttl_seconds: ttlField.optional(),
  /** When it is started by itself; never unless given. */
  autostart: autostartField.optional(),
  /** Whether each later start is with the version of its template that is active then; never unless given. */
  automatic_updates: z.enum(AUTOMATIC_UPDATES).optional(),
  ...ownerValuesFields,
  /** What to do when no prebuilt one is ready: build one, answer POOL_EMPTY, or stand in line. */
  on_empty: z.enum(['create', 'fail', 'wait']).default('create'),
  /** Where people wait, the highest goes first; those with the same, in the order in which they came. */
  priority: z.int().min(-MAX_PRIORITY).max(MAX_PRIORITY).default(0),
  /** With `wait`: for how long the answer may be held back. */
  wait_seconds: z.int().min(0).max(600).default(0),
  /** With `wait`: how long to stay in line at most; WAIT_TIMEOUT then. An hour unless given. */
  wait_timeout_seconds: z.int().min(1).max(86_400).default(3_600),
});

export const createWorkspaceAnswer = z
  .object({
    workspace: workspaceView,
    /** True when a prebuilt workspace was handed over. */
    claimed: z.boolean(),
    /** Why it was not, where a pool might have served the request. */
    reason: z.enum(statesOf(MISS_REASONS)).nullable(),
  })
  .meta({ id: 'CreateWorkspaceAnswer' });

/** It stands in line. */
export const enlistedAnswer = z
  .object({
    waiter: waiterView,
    /** Counted from 1; null when it was served at this very moment. */
    position: z.int().nullable(),
    eta_seconds: etaField,
    eta_reason: etaReasonField,
  })
  .meta({ id: 'EnlistedAnswer' });

export type WorkspaceView = z.output<typeof workspaceView>;
export type BuildView = z.output<typeof buildView>;
export type CreateWorkspaceAnswer = z.output<typeof createWorkspaceAnswer>;
