// What becomes of a canary: rehearsed with once it is built, and deleted when that is over.
import { createId, type BuildId, type JobId, type WorkspaceId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { judgeRehearsal } from '../domain/job/rehearsal.ts';
import { insertBuilds } from '../store/build.ts';
import {
  CANARY,
  queueCanaryRehearsal,
  removeGoneCanaries,
  takeDueCanaries,
} from '../store/canary.ts';
import type { Database, Transaction } from '../store/database.ts';
import { deleteBuild } from '../store/delete-build.ts';
import type { JobResult } from '../domain/job/job.ts';
import { failCanaryRehearsal, voidStranded } from '../store/rehearsal.ts';

export interface BuiltCanary {
  readonly workspace: { readonly id: WorkspaceId };
  readonly result: JobResult;
}

/** At the end of a canary's first build: a claim of what cannot be built need not be planned. */
export async function endCanaryBuild(
  kit: Pick<Kit, 'clock' | 'rng'>,
  tx: Transaction,
  { workspace, result }: BuiltCanary,
): Promise<void> {
  const workspaceId = workspace.id;
  if (result.outcome === 'succeeded') {
    const jobId = createId<JobId>(kit);
    const queued = await queueCanaryRehearsal.maybe(tx, { workspaceId, jobId });
    if (queued !== undefined) tx.notify({ kind: 'queue', ...queued });
    return;
  }
  const { outcome, error } = judgeRehearsal({ result, findings: [], isStillThere: true });
  await failCanaryRehearsal.run(tx, { workspaceId, outcome, error });
}

/** What one look leaves, the next takes. */
const BATCH = 20;

/** Deletes those whose rehearsal is over, also where nobody has noticed that it is. Any number of replicas may do so at once. */
export async function deleteCanaries({
  database,
  ...kit
}: Kit & { readonly database: Database }): Promise<void> {
  await voidStranded.run(database, {});
  await database.transaction(async (tx) => {
    const due = await takeDueCanaries.all(tx, { limit: BATCH });
    const builds = due.map((last) =>
      deleteBuild(last, {
        ...{ id: createId<BuildId>(kit), jobId: createId<JobId>(kit), reason: CANARY },
      }),
    );
    await insertBuilds(tx, builds);
    for (const { organizationId, driver } of builds) {
      tx.notify({ kind: 'queue', organizationId, driver });
    }
  });
  await removeGoneCanaries.run(database, {});
}
