// One look for a group of slots that wait for the same kind of work.
import { MACHINE_BOUND_DRIVERS } from '../domain/job/job.ts';
import type { RowOf } from '../store/column.ts';
import type { Database } from '../store/database.ts';
import {
  anyJobFits,
  lockCreations,
  takeJobs,
  takeJobsAndCreations,
  takeJobsOfOne,
  type HandedJob,
  type RefusedSlot,
  type SharedOffer,
  type WaitingSlot,
} from '../store/job-acquire.ts';
import { asJson } from '../store/statement.ts';
import type { DaemonRef } from './attempt.ts';

export interface HandOut {
  readonly handed: readonly HandedJob[];
  readonly refused: readonly RefusedSlot[];
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
  /**
   * What is taken if it is there: `creations`, as well as all else; `others`, and creations where that finds one to wait.
   * `unknown`: what there is is asked first, which costs a tenth of looking in vain.
   */
  readonly expected: 'creations' | 'others' | 'unknown';
}

type Taken = RowOf<typeof takeJobs.columns>;

const NOTHING: HandOut = { handed: [], refused: [], again: false };

/**
 * Takes jobs for as many of the slots as there are jobs: by one statement, unless creations wait, whose
 * organizations are locked first, so that they are counted under the lock.
 */
export async function handOut(
  database: Database,
  { offer, slots, expected }: HandOutRequest,
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
  const { fits, creationFits } =
    expected === 'unknown'
      ? await anyJobFits.one(database, args)
      : { fits: true, creationFits: expected === 'creations' };
  if (!fits) return NOTHING;
  const process = onlyProcess(slots);
  const takeNoCreation = (): Promise<Taken> =>
    process === undefined
      ? takeJobs.one(database, args)
      : takeJobsOfOne.one(database, { ...args, ...process });
  const takeAny = (): Promise<Taken> =>
    database.transaction(async (tx) => {
      const locked = await lockCreations.all(tx, args);
      const creationsOf = locked.map(({ organizationId }) => organizationId);
      return takeJobsAndCreations.one(tx, { ...args, creationsOf, maxCreations });
    });
  let taken = creationFits ? await takeAny() : await takeNoCreation();
  if (taken.isHeldBack) taken = await takeAny();
  const { handed, refused, isMoreLikely } = taken;
  const isShort = handed.length < slots.length && isMoreLikely;
  return { handed, refused, again: isShort || refused.length > 0 };
}

/** Of a daemon, whose slots all of them are; undefined where they are of several. */
function onlyProcess(slots: readonly WaitingSlot[]): DaemonRef | undefined {
  const [first] = slots;
  if (first === undefined) return undefined;
  const { daemonId, keyId, incarnation } = first;
  const isSame = (slot: WaitingSlot): boolean =>
    slot.daemonId === daemonId && slot.keyId === keyId && slot.incarnation === incarnation;
  return slots.every(isSame) ? { daemonId, keyId, incarnation } : undefined;
}
