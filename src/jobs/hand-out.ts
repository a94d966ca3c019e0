// One look for a group of slots that wait for the same kind of work.
import { MACHINE_BOUND_DRIVERS } from '../domain/job/job.ts';
import type { Database } from '../store/database.ts';
import {
  anyJobFits,
  lockCreations,
  takeJobs,
  takeJobsAndCreations,
  takeJobsHere,
  type HandedJob,
  type SharedOffer,
  type WaitingSlot,
} from '../store/job-acquire.ts';
import { asJson } from '../store/statement.ts';

export interface HandOut {
  readonly handed: readonly HandedJob[];
  /** There may be more for the slots that got nothing. */
  readonly again: boolean;
}

export interface HandOutOptions {
  /** Creations that may run at once per organization; null: all slots of its daemons but one. */
  readonly maxCreations: number | null;
}

export interface HandOutRequest {
  readonly offer: SharedOffer;
  readonly slots: readonly WaitingSlot[];
  /** Nothing is expected: whether there is anything is asked first. */
  readonly isIdle: boolean;
}

/**
 * Takes jobs for as many of the slots as there are jobs. While a creation waits, its organization's
 * are locked first and counted under the lock; without any, the look is one statement.
 */
export async function handOut(
  database: Database,
  { offer, slots, isIdle }: HandOutRequest,
  { maxCreations }: HandOutOptions,
): Promise<HandOut> {
  const args = {
    organizationId: offer.organizationId,
    drivers: offer.drivers,
    tags: asJson(offer.tags),
    protocolVersion: offer.protocolVersion,
    daemonIds: slots.map((slot) => slot.daemonId),
    keyIds: slots.map((slot) => slot.keyId),
    incarnations: slots.map((slot) => slot.incarnation),
    callIds: slots.map((slot) => slot.callId),
    machineIds: slots.map((slot) => slot.machineId),
    machineBoundDrivers: MACHINE_BOUND_DRIVERS,
  };
  if (isIdle && !(await anyJobFits.one(database, args)).fits) return { handed: [], again: false };
  const isHere = slots.every(({ machineId }) => machineId === slots[0]?.machineId);
  let taken = await (isHere ? takeJobsHere : takeJobs).one(database, args);
  if (taken.creationsWait) {
    taken = await database.transaction(async (tx) => {
      const locked = await lockCreations.all(tx, args);
      const creationsOf = locked.map(({ organizationId }) => organizationId);
      return takeJobsAndCreations.one(tx, { ...args, creationsOf, maxCreations });
    });
  }
  const { handed, isMoreLikely } = taken;
  const isShort = handed.length < slots.length && isMoreLikely;
  return { handed, again: isShort || handed.some(({ job }) => job === null) };
}
