// What a report of a result needs.
import type { JobId, WorkspaceId } from '../../src/base/id.ts';
import type { Kit } from '../../src/base/kit.ts';
import { createPrecedence } from '../../src/base/precedence.ts';
import type { CompleteDeps } from '../../src/jobs/complete-job.ts';
import { endAlone } from '../../src/jobs/end-attempt.ts';
import { createAttemptEnder } from '../../src/jobs/end-builds.ts';
import { createHandedBuilds } from '../../src/jobs/handed-builds.ts';
import { createLoneJobFinisher } from '../../src/jobs/lone-job.ts';
import type { Keyring } from '../../src/keys/keyring.ts';
import type { Database } from '../../src/store/database.ts';

interface Where {
  readonly kit: Kit;
  readonly keyring: Keyring;
}

/** Each end of a build by itself. */
export function completeDeps({ kit, keyring }: Where, database: Database): CompleteDeps {
  const deps = { ...kit, database };
  return {
    ...deps,
    keyring,
    finishLoneJob: createLoneJobFinisher(deps),
    endAttempt: endAlone(deps),
  };
}

/** The end of this build as those are stored that come many at once. */
export function completeTogetherDeps(
  where: Where,
  database: Database,
  { jobId, workspaceId }: { readonly jobId: JobId; readonly workspaceId: WorkspaceId },
): CompleteDeps {
  const { kit } = where;
  const builds = createHandedBuilds();
  builds.note(jobId, { workspaceId, ending: 'together' });
  const precedence = createPrecedence(kit.clock);
  return {
    ...completeDeps(where, database),
    endAttempt: createAttemptEnder({ ...kit, database, precedence, builds }),
  };
}
