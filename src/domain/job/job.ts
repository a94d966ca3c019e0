// The words about provisioner jobs and builds, the same in SQL, TypeScript and JSON.

/** Derived by the database from a job's times. */
export type JobStatus = 'pending' | 'running' | 'canceling' | 'succeeded' | 'failed' | 'canceled';
export type JobType = 'workspace_build' | 'template_version_import' | 'rehearsal';
export type Transition = 'start' | 'stop' | 'delete';
export type Stage = 'none' | 'create' | 'claim';

/** 1 claims, 2 people, 3 pool deletes, 4 creations and rehearsals. */
export type JobClass = 1 | 2 | 3 | 4;

/** How an attempt ended, as its daemon reports it. */
export type JobResult =
  | { readonly outcome: 'succeeded'; readonly outputs: Readonly<Record<string, string>> }
  | { readonly outcome: 'failed'; readonly error: string; readonly errorCode: string }
  /** Stopped on request; what was left behind was removed. */
  | { readonly outcome: 'canceled' };

/**
 * Drivers whose workspaces are processes and folders of one machine: whichever machine builds such
 * a workspace first keeps it for its whole life.
 */
export const MACHINE_BOUND_DRIVERS: readonly string[] = ['process'];
