// What a provisioner daemon and the control plane say to each other. The daemon speaks first in
// everything: it registers, waits for work, reports. Attempt numbers fence what an old one says.
import { z } from 'zod';
import {
  driversField,
  idField,
  integerField,
  parametersField,
  tagsField,
  timeField,
  toolsField,
} from '../field.ts';
import { manifestSchema } from '../manifest/schema.ts';
import { MAX_PATHS, MAX_REPLACEMENTS, REPLACEMENTS } from '../../domain/job/replacement.ts';
import { statesOf } from '../../domain/state.ts';

/** The first message; see version.ts. What a field that is added later means when it is left out is its default. */
export const registerBody = z.object({
  protocol_version: z.int().min(1),
  /** Stable: kept in the daemon's data folder. */
  daemon_id: idField,
  /** What the daemon calls this registration by: said again, because no answer came, it is the same one. */
  registration_id: idField.nullable().default(null),
  name: z.string().min(1).max(128),
  /** Where its workspaces live: daemons that can look after each other's say the same. */
  machine_id: z.string().min(1).max(128),
  drivers: driversField,
  /** Which tool of its machine a driver works with, as `OpenTofu 1.10.5`; only of drivers that have one. */
  tools: toolsField.default({}),
  tags: tagsField,
  slots: z.int().min(1).max(1000),
  version: z.string().max(64),
});

export const registerAnswer = z.object({
  /** Goes with every later call; a call with an older one is refused with DAEMON_REPLACED. */
  incarnation: integerField,
  heartbeat_interval_ms: z.int(),
  report_interval_ms: z.int(),
  /** Attempts of this daemon's earlier life that were still open and have been ended as daemon_lost. */
  ended_attempts: z.array(z.object({ job_id: idField, attempt: integerField })),
});

/** As many as a daemon names: one for each slot that it may have. */
export const MAX_LOST_CALLS = 1_000;

export const acquireBody = z.object({
  incarnation: integerField,
  /** How long the answer may take when there is nothing to do. */
  wait_ms: z.int().min(0).max(120_000),
  /**
   * How often it shows meanwhile that somebody is at it, by a blank before the answer; null: not at all.
   * One that comes later than the first of these is 200, and `null` when there was nothing to do.
   */
  alive_ms: z.int().min(100).max(60_000).nullable().default(null),
  /** What the daemon calls this call by. */
  call_id: idField.nullable().default(null),
  /** Former calls that got no answer: what they have taken is given back first. */
  lost_calls: z.array(idField).max(MAX_LOST_CALLS).default([]),
  /** Nothing is taken: the call is there for what it names as lost. */
  gives_back_only: z.boolean().default(false),
});

/** The workspace a build is about, as its driver sees it. */
export const jobWorkspace = z.object({
  id: idField,
  name: z.string(),
  organization: z.string(),
  owner: z.object({
    id: idField,
    username: z.string(),
    display_name: z.string(),
    /** Null where none is known. */
    email: z.string().nullable().default(null),
    /** Whether it is the system user: the workspace is a prebuild that nobody has claimed. */
    is_system: z.boolean().default(false),
  }),
  epoch: z.int(),
  transition: z.enum(['start', 'stop', 'delete']),
  stage: z.enum(['none', 'create', 'claim']),
  build_number: z.int(),
  parameters: parametersField,
  /** The workspace's bootstrap token: constant for its life, good only for an exchange. */
  agent_token: z.string(),
  access_url: z.string(),
});

export const acquiredJob = z.object({
  id: idField,
  attempt: integerField,
  type: z.enum(['workspace_build', 'template_version_import', 'rehearsal', 'stray_cleanup']),
  driver: z.string(),
  template: z.object({
    name: z.string(),
    version_id: idField,
    /** SHA-256 of the version's archive, in hex; see `getFile`. */
    file_hash: z.string(),
    manifest: manifestSchema,
  }),
  workspace: jobWorkspace.nullable(),
});

export const logLine = z.object({
  seq: integerField.min(0),
  at: timeField,
  level: z.enum(['debug', 'info', 'warn', 'error']),
  line: z.string().max(65_536),
});

export const jobHeartbeatBody = z.object({
  incarnation: integerField,
  attempt: integerField,
  logs: z.array(logLine).max(1000),
});

export const jobHeartbeatAnswer = z.object({
  /** True once somebody asked for the job's cancellation. */
  cancel: z.boolean(),
  /** True once the job's log is at its limit: lines need not be sent any more. */
  log_full: z.boolean().default(false),
});

/** Of a version's archive. */
export const hashField = z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in lower-case hex');

export const unusedFilesBody = z.object({ hashes: z.array(hashField).max(1_000) });

export const unusedFilesAnswer = z.object({ hashes: z.array(hashField) });

export const awaitCancelsBody = z.object({
  incarnation: integerField,
  /** How long the answer may take while nothing else is to stop. */
  wait_ms: z.int().min(0).max(60_000),
  /** Jobs whose cancellation the daemon knows of already. */
  known: z.array(idField).max(1000),
});

export const awaitCancelsAnswer = z.object({
  jobs: z.array(z.object({ job_id: idField, attempt: integerField })),
});

/** Connection details of a workspace, for example `url`. */
export const outputsField = z.record(z.string().min(1).max(64), z.string().max(2_000));

/** Something the driver made for the workspace, by the name the driver's tool has for it. */
export const resourceField = z.object({
  address: z.string().min(1).max(1_024),
  type: z.string().min(1).max(256),
});

/** A resource that a build throws away, and the arguments that force it. */
export const replacementField = z.object({
  address: z.string().min(1).max(1_024),
  action: z.enum(statesOf(REPLACEMENTS)),
  paths: z.array(z.string().min(1).max(1_024)).max(MAX_PATHS),
});

export const completeBody = z.object({
  incarnation: integerField,
  attempt: integerField,
  /** The slot's next call for work, made with the report: what can be had at once is its answer. */
  next: z.object({ call_id: idField }).nullable().default(null),
  /**
   * What the build of a claim threw away of the prebuilt workspace, whatever the result; of a rehearsal,
   * what a claim would.
   */
  replaced: z.array(replacementField).max(MAX_REPLACEMENTS).default([]),
  result: z.discriminatedUnion('outcome', [
    z.object({
      outcome: z.literal('succeeded'),
      outputs: outputsField,
      /** Connection details for the workspace's owner alone. */
      secret_outputs: outputsField.default({}),
      /** What stands for the workspace now. */
      resources: z.array(resourceField).max(10_000).default([]),
    }),
    z.object({
      outcome: z.literal('failed'),
      error: z.string().min(1).max(10_000),
      error_code: z.string().min(1).max(64),
    }),
    /** Stopped on request; what was left behind was removed. */
    z.object({ outcome: z.literal('canceled') }),
  ]),
});

export const takeStateBody = z.object({ incarnation: integerField, attempt: integerField });

export const takeStateAnswer = z.object({
  /** Goes with every state that the attempt gives to keep. */
  lock: integerField,
  /** The newest state of the workspace, as a driver wrote it; null before the first. */
  state: z.string().nullable(),
});

/** As large as any state that a tool still works with; its text is JSON once more here. */
export const MAX_STATE_BODY_BYTES = 64 * 1024 * 1024;

export const keepStateBody = z.object({
  incarnation: integerField,
  attempt: integerField,
  lock: integerField,
  /** Rises with each state of the incarnation: one that arrives behind a newer one is not kept. */
  sequence: integerField.min(0),
  state: z.string(),
});

export const keepStateAnswer = z.object({
  /**
   * current: what the next attempt or build starts from; stray: another attempt has taken the lock
   * meanwhile, and what this state names beyond the current one is destroyed by a job of its own.
   */
  kept: z.enum(['current', 'stray']),
});

export const strayAnswer = z.object({
  /** What an overtaken attempt wrote last. */
  stray: z.string(),
  /** The newest state, none of whose resources a cleanup may touch; null when there is none. */
  current: z.string().nullable(),
});

export const copyStateAnswer = z.object({
  /** Of the prebuild whose claim is rehearsed; null when it has none. */
  state: z.string().nullable(),
});

/** What the daemon knows of the workspaces whose life depends on its machine. */
export const reportBody = z.object({
  incarnation: integerField,
  workspaces: z
    .array(
      z.object({
        id: idField,
        /** running: its processes live; gone: they should but do not; stopped: nothing should run. */
        state: z.enum(['running', 'gone', 'stopped']),
        /** The outcome of the template's ready check, null where there is none to make. */
        ready: z.boolean().nullable(),
      }),
    )
    .max(10_000),
});

export const reportAnswer = z.object({
  workspaces: z.array(
    z.object({
      id: idField,
      /**
       * keep: leave it as it is; restart: it belongs to somebody and should run, bring it back;
       * remove: nothing in the database stands for it, take away every trace.
       */
      want: z.enum(['keep', 'restart', 'remove']),
    }),
  ),
});

export type RegisterBody = z.output<typeof registerBody>;
export type RegisterAnswer = z.output<typeof registerAnswer>;
export type AcquiredJob = z.output<typeof acquiredJob>;
export type JobWorkspace = z.output<typeof jobWorkspace>;
export type LogLine = z.output<typeof logLine>;
export type JobHeartbeatAnswer = z.output<typeof jobHeartbeatAnswer>;
export type AwaitCancelsAnswer = z.output<typeof awaitCancelsAnswer>;
export type CompleteBody = z.output<typeof completeBody>;
export type JobResult = CompleteBody['result'];
export type Resource = z.output<typeof resourceField>;
export type Replacement = z.output<typeof replacementField>;
export type CopyStateAnswer = z.output<typeof copyStateAnswer>;
export type StrayAnswer = z.output<typeof strayAnswer>;
export type TakeStateAnswer = z.output<typeof takeStateAnswer>;
export type KeepStateAnswer = z.output<typeof keepStateAnswer>;
export type ReportBody = z.output<typeof reportBody>;
export type ReportAnswer = z.output<typeof reportAnswer>;
