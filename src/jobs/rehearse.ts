// Rehearsals of claims: queued once a preset has a good prebuild, and ended with what they have found.
import { createId, type AnnouncementId, type JobId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { JobResult } from '../domain/job/job.ts';
import { judgeRehearsal, PLANNING_DRIVERS } from '../domain/job/rehearsal.ts';
import type { Replacement } from '../domain/job/replacement.ts';
import { announceRehearsal } from '../store/announcement.ts';
import type { Database, Transaction } from '../store/database.ts';
import type { BuiltWorkspace, LockedJob } from '../store/job.ts';
import { insertPoolEvents } from '../store/pool-event.ts';
import {
  findRehearsable,
  findRehearsal,
  finishRehearsal,
  queueRehearsal,
} from '../store/rehearsal.ts';
import { asJson } from '../store/statement.ts';

export interface GoodPrebuild {
  readonly job: Pick<LockedJob, 'driver' | 'presetId'>;
  readonly workspace: Pick<BuiltWorkspace, 'id'>;
}

/** With a prebuild that is built, unless its preset was rehearsed already. */
export async function rehearseOnce(
  kit: Pick<Kit, 'clock' | 'rng'>,
  tx: Transaction,
  { job, workspace }: GoodPrebuild,
): Promise<void> {
  const { presetId, driver } = job;
  if (presetId === null || !PLANNING_DRIVERS.includes(driver)) return;
  const queued = await queueRehearsal.maybe(tx, {
    presetId,
    workspaceId: workspace.id,
    jobId: createId<JobId>(kit),
    drivers: PLANNING_DRIVERS,
  });
  if (queued !== undefined) tx.notify({ kind: 'queue', ...queued });
}

/** What one look leaves, the next takes. */
const BATCH = 20;

/** Rehearses with prebuilds that are there already. Any number of replicas may do so at once. */
export async function rehearseWaiting({
  database,
  ...kit
}: Kit & { readonly database: Database }): Promise<void> {
  const found = await findRehearsable.all(database, { drivers: PLANNING_DRIVERS, limit: BATCH });
  for (const { presetId, driver, workspaceId } of found) {
    await database.transaction((tx) =>
      rehearseOnce(kit, tx, { job: { presetId, driver }, workspace: { id: workspaceId } }),
    );
  }
}

export interface RehearsalResult {
  readonly job: Pick<LockedJob, 'id'>;
  readonly result: JobResult;
  readonly findings: readonly Replacement[];
}

export async function endRehearsal(
  kit: Pick<Kit, 'clock' | 'rng'>,
  tx: Transaction,
  { job, result, findings }: RehearsalResult,
): Promise<void> {
  const rehearsal = await findRehearsal.maybe(tx, { jobId: job.id });
  if (rehearsal === undefined) return;
  const { presetId, poolId, workspaceId, isStillThere } = rehearsal;
  const { outcome, error } = judgeRehearsal({ result, findings, isStillThere });
  const found = outcome === 'replaces' ? findings : [];
  await finishRehearsal.run(tx, { jobId: job.id, outcome, findings: asJson(found), error });
  if (outcome === 'replaces') {
    const id = createId<AnnouncementId>(kit);
    await announceRehearsal.run(tx, { id, presetId, resources: asJson(found) });
  }
  if (poolId === null) return;
  insertPoolEvents(tx, [
    {
      id: createId(kit),
      poolId,
      kind: `rehearsal_${outcome}`,
      workspaceId,
      reason: error,
      details: { job: job.id, findings: found },
    },
  ]);
}
