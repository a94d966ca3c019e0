// The words about provisioner jobs and builds, the same in SQL, TypeScript and JSON.

/** Every job status, derived by the database, each with the sentence that says when. */
export const JOB_STATUSES = {
  pending: 'when no daemon has taken it yet',
  running: 'when a daemon works on it',
  canceling: 'when a cancel was asked for and the daemon has not ended it yet',
  succeeded: 'when it ended and did what it was for, even if a cancel came too late',
  failed: 'when it ended with an error',
  canceled: 'when it ended because a cancel was asked for',
} as const;
export type JobStatus = keyof typeof JOB_STATUSES;

const ENDED: readonly JobStatus[] = ['succeeded', 'failed', 'canceled'];

export function isEnded(status: JobStatus): boolean {
  return ENDED.includes(status);
}

/** What a job is for. */
export const JOB_TYPES = {
  workspace_build: 'when it starts, stops or deletes one workspace',
  template_version_import: 'when it checks a template version before that can be promoted',
  rehearsal: 'when it plans what a claim would replace, and changes nothing',
  stray_cleanup: 'when it destroys what an overtaken attempt made beyond the current state',
} as const;
export type JobType = keyof typeof JOB_TYPES;

/** What a build does to its workspace. */
export const TRANSITIONS = {
  start: 'when it makes the workspace, or brings a stopped one back',
  stop: 'when it shuts the workspace down and keeps what lasts',
  delete: 'when it destroys all that was made for the workspace',
} as const;
export type Transition = keyof typeof TRANSITIONS;

/** What part of a prebuild's life a build is. */
export const STAGES = {
  none: 'when it is neither of the others',
  create: 'when it makes a prebuild',
  claim: 'when it makes a prebuild its new owner’s',
} as const;
export type Stage = keyof typeof STAGES;

/** Something that stands for a workspace, by the name that the driver's tool has for it. */
export interface Resource {
  readonly address: string;
  readonly type: string;
}

/** How an attempt ended, as its daemon reports it. */
export type JobResult =
  | {
      readonly outcome: 'succeeded';
      readonly outputs: Readonly<Record<string, string>>;
      readonly resources?: readonly Resource[];
    }
  | { readonly outcome: 'failed'; readonly error: string; readonly errorCode: string }
  /** Stopped on request; what was left behind was removed. */
  | { readonly outcome: 'canceled' };

/**
 * Drivers whose workspaces are processes and folders of one machine, or containers of the engine that
 * a daemon uses there: whichever builds such a workspace first keeps it for its whole life.
 */
export const MACHINE_BOUND_DRIVERS: readonly string[] = ['process', 'docker'];
