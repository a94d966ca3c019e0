// What slots of one daemon report at the same time is stored by one statement and one commit, which hands each
// of them its next job as well.
import { together } from '../base/together.ts';
import type { AcquireCallId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { MACHINE_BOUND_DRIVERS } from '../domain/job/job.ts';
import type { Database } from '../store/database.ts';
import { takeJobsAfterReports, type TakenJob } from '../store/job-acquire.ts';
import { reportsArgs, type AttemptReport } from '../store/job-finish-lone.ts';
import { isOfOneRow } from '../store/sqlstate.ts';
import { asJson } from '../store/statement.ts';
import type { DaemonOffer } from './daemon-offer.ts';
import type { ReportedJob } from './lone-job.ts';

export interface ReportingSlot {
  readonly report: AttemptReport;
  /** Of the daemon whose report it is. */
  readonly offer: DaemonOffer;
  readonly callId: AcquireCallId;
}

export interface ReportedSlot {
  /** Undefined for a job that does not exist. */
  readonly reported: ReportedJob | undefined;
  /** Only after a report that was stored. */
  readonly next: TakenJob | undefined;
  /** Something waits that is not handed out this way: creations, or what waiting has lifted. */
  readonly isHeldBack: boolean;
}

export type ReportAndTake = (slot: ReportingSlot) => Promise<ReportedSlot>;

/** It takes a millisecond or two, and waits for nobody's lock: one that is late is stuck. */
const TURNS = { lateMs: 50, most: 3, maxItems: 100, isOfOneItem: isOfOneRow };

/** One for each control plane. */
export function createReportAndTake({
  clock,
  database,
}: Pick<Kit, 'clock'> & { readonly database: Database }): ReportAndTake {
  const ofDaemon = (): ReportAndTake =>
    together(clock, (slots: readonly ReportingSlot[]) => reportAndTake(database, slots), TURNS);
  /** Those that report now. */
  const daemons = new Map<string, { readonly ask: ReportAndTake; asking: number }>();
  return async (slot) => {
    const { daemonId, keyId, incarnation } = slot.report;
    const key = `${daemonId} ${keyId} ${incarnation}`;
    const daemon = daemons.get(key) ?? { ask: ofDaemon(), asking: 0 };
    daemons.set(key, daemon);
    daemon.asking += 1;
    try {
      return await daemon.ask(slot);
    } finally {
      daemon.asking -= 1;
      if (daemon.asking === 0) daemons.delete(key);
    }
  };
}

/** The slots are of one process of a daemon. */
async function reportAndTake(
  database: Database,
  slots: readonly ReportingSlot[],
): Promise<readonly ReportedSlot[]> {
  const [first] = slots;
  if (first === undefined) return [];
  const { report, offer } = first;
  const { handed, reported, isHeldBack } = await takeJobsAfterReports.one(database, {
    ...reportsArgs(slots.map((slot) => slot.report)),
    daemonId: report.daemonId,
    keyId: report.keyId,
    incarnation: report.incarnation,
    organizationId: offer.organizationId,
    drivers: offer.drivers,
    tags: asJson(offer.tags),
    protocolVersion: offer.protocolVersion,
    machineIds: [offer.machineId],
    callIds: slots.map(({ callId }) => callId),
    machineBoundDrivers: MACHINE_BOUND_DRIVERS,
  });
  const jobs = new Map(handed.map(({ place, job }) => [place, job]));
  const reports = new Map(reported.map((one) => [one.place, one]));
  return slots.map((_slot, index) => ({
    reported: reports.get(index + 1),
    next: jobs.get(index + 1),
    isHeldBack,
  }));
}
