// What daemons offer, remembered, since a daemon asks for work after every job: for some seconds, as one
// may come to offer more (a driver whose tool was installed), at whatever control plane it says so. Whether the registration
// still counts is asked by every look, under its lock.
import type { DaemonId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { createMemory } from '../base/memory.ts';
import { findDaemon } from '../store/daemon.ts';
import type { Database } from '../store/database.ts';
import type { SharedOffer } from '../store/job-acquire.ts';
import { notThisProcess, type DaemonRef } from './attempt.ts';

export interface DaemonOffer extends SharedOffer {
  readonly machineId: string;
}

export interface DaemonOffers {
  /** Throws NOT_FOUND for a daemon that the key did not register, DAEMON_REPLACED for a former process. */
  get(daemon: DaemonRef): Promise<DaemonOffer>;
  /** Reads it again the next time. */
  forget(daemon: DaemonRef): void;
}

/** Far more than wait at one control plane. */
const REMEMBERED = { forMs: 10_000, most: 5_000 };

export function createDaemonOffers({
  clock,
  database,
}: Pick<Kit, 'clock'> & { readonly database: Database }): DaemonOffers {
  const remembered = createMemory<DaemonId, DaemonRef & { readonly offer: DaemonOffer }>(
    clock,
    REMEMBERED,
  );

  const read = async (daemon: DaemonRef): Promise<DaemonOffer> => {
    const { daemonId: id, keyId, incarnation } = daemon;
    const found = await findDaemon.maybe(database, { id, keyId });
    if (found?.incarnation !== incarnation) throw notThisProcess(daemon, found?.incarnation);
    const { organizationId, drivers, tags, protocolVersion, machineId } = found;
    return { organizationId, drivers, tags, protocolVersion, machineId };
  };

  return {
    get: async (daemon) => {
      const { daemonId, keyId, incarnation } = daemon;
      const known = remembered.get(daemonId);
      if (known?.keyId === keyId && known.incarnation === incarnation) return known.offer;
      // Another process may be there by now.
      remembered.forget(daemonId);
      const readMs = clock.monotonicMs();
      const offer = await read(daemon);
      remembered.set(daemonId, { daemonId, keyId, incarnation, offer }, readMs);
      return offer;
    },
    forget: ({ daemonId }) => remembered.forget(daemonId),
  };
}
