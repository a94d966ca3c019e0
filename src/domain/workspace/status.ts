// The states of a workspace, derived from its latest build and that build's job.
import type { JobStatus, Transition } from '../job/job.ts';

/** Every workspace status, each with the sentence that says when. */
export const WORKSPACE_STATUSES = {
  pending: 'when no daemon has taken its latest build yet',
  starting: 'when a start is at work',
  running: 'when its latest build is a start that succeeded',
  stopping: 'when a stop is at work',
  stopped: 'when its latest build is a stop that succeeded',
  deleting: 'when a delete is at work',
  deleted: 'when its latest build is a delete that succeeded',
  canceling: 'when the latest build is being canceled',
  canceled: 'when the latest build was canceled',
  failed: 'when the latest build failed',
} as const;
export type WorkspaceStatus = keyof typeof WORKSPACE_STATUSES;

const AT_WORK = { start: 'starting', stop: 'stopping', delete: 'deleting' } as const;
const DONE = { start: 'running', stop: 'stopped', delete: 'deleted' } as const;

/** The status of a workspace whose latest build is `transition` and has this job status. */
export function deriveWorkspaceStatus(transition: Transition, job: JobStatus): WorkspaceStatus {
  if (job === 'running') return AT_WORK[transition];
  return job === 'succeeded' ? DONE[transition] : job;
}
