// The end of jobs that are about nothing but themselves: what is reported at the same time is stored by
// one statement and one commit.
import { together } from '../base/together.ts';
import type { WorkspaceId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { inPlaces } from '../store/in-places.ts';
import type { Database } from '../store/database.ts';
import { isOfOneRow } from '../store/sqlstate.ts';
import { finishLoneJobs, reportsArgs, type AttemptReport } from '../store/job-finish-lone.ts';

export interface ReportedJob {
  /** Null for a job that is not a workspace's build. */
  readonly workspaceId: WorkspaceId | null;
  /** The report is stored, and there is nothing more to do. */
  readonly isFinished: boolean;
}

export interface LoneJobDeps extends Pick<Kit, 'clock'> {
  readonly database: Database;
}

/** Gives undefined for a job that does not exist. */
export type FinishLoneJob = (report: AttemptReport) => Promise<ReportedJob | undefined>;

/** A statement takes a millisecond or two, and waits for nobody's lock: one that is late is stuck. */
const TURNS = {
  lateMs: 50,
  most: 3,
  maxItems: 100,
  isOfOneItem: isOfOneRow,
};

/** One for each control plane. */
export function createLoneJobFinisher({ clock, database }: LoneJobDeps): FinishLoneJob {
  const finishAll = async (
    reports: readonly AttemptReport[],
  ): Promise<readonly (ReportedJob | undefined)[]> => {
    const rows = await finishLoneJobs.all(database, reportsArgs(reports));
    return inPlaces(reports, rows);
  };
  return together(clock, finishAll, TURNS);
}
