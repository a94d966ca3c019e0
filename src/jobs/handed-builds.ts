// What was handed out here as the build of which workspace: at its end nobody has to ask what it is about.
import type { JobId, WorkspaceId } from '../base/id.ts';

export interface HandedBuilds {
  note(jobId: JobId, workspaceId: WorkspaceId): void;
  /** Undefined for what was handed out elsewhere, or is no build: the database knows. */
  workspaceOf(jobId: JobId): WorkspaceId | undefined;
}

/** Far more than daemons do at one time; those that were handed out last are kept. */
const MAX_REMEMBERED = 5_000;

export function createHandedBuilds(): HandedBuilds {
  const workspaces = new Map<JobId, WorkspaceId>();
  return {
    note: (jobId, workspaceId) => {
      workspaces.delete(jobId);
      workspaces.set(jobId, workspaceId);
      const [oldest] = workspaces.size > MAX_REMEMBERED ? workspaces.keys() : [];
      if (oldest !== undefined) workspaces.delete(oldest);
    },
    workspaceOf: (jobId) => workspaces.get(jobId),
  };
}
