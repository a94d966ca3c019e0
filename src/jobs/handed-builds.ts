// What was handed out here as the build of which workspace: at its end nobody has to ask what it is about.
import type { JobId, WorkspaceId } from '../base/id.ts';

export interface HandedBuild {
  readonly workspaceId: WorkspaceId;
  readonly ending: Ending;
}

/**
 * How its end is stored: `at once`, for somebody waits for it; when no claim is under way (`gives way`); or so and
 * `together` with others, which is for ends that have to wait for nobody's lock.
 */
export type Ending = 'at once' | 'gives way' | 'together';

export interface HandedBuilds {
  note(jobId: JobId, build: HandedBuild): void;
  /** Undefined for what was handed out elsewhere, or is no build: the database knows. */
  find(jobId: JobId): HandedBuild | undefined;
}

/** Far more than daemons do at one time; those that were handed out last are kept. */
const MAX_REMEMBERED = 5_000;

export function createHandedBuilds(): HandedBuilds {
  const builds = new Map<JobId, HandedBuild>();
  return {
    note: (jobId, build) => {
      builds.delete(jobId);
      builds.set(jobId, build);
      const [oldest] = builds.size > MAX_REMEMBERED ? builds.keys() : [];
      if (oldest !== undefined) builds.delete(oldest);
    },
    find: (jobId) => builds.get(jobId),
  };
}
