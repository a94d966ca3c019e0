// Where daemons wait for work: those that can do the same jobs wait together.
import { createDaemonOffers, type DaemonOffers } from './daemon-offer.ts';
import { createHandedBuilds, type HandedBuilds } from './handed-builds.ts';
import type { SharedOffer } from '../store/job-acquire.ts';
import {
  createWaitingGroup,
  type GroupDeps,
  type GroupOptions,
  type WaitingGroup,
} from './waiting-group.ts';

export interface Dispatcher {
  readonly offers: DaemonOffers;
  readonly builds: HandedBuilds;
  /** Where slots with this offer wait. */
  groupOf(offer: SharedOffer): WaitingGroup;
}

/** One for each control plane. It does nothing while nobody waits. */
export function createDispatcher(deps: GroupDeps, options: GroupOptions): Dispatcher {
  const groups = new Map<string, WaitingGroup>();
  return {
    offers: createDaemonOffers(deps),
    builds: createHandedBuilds(),
    groupOf: (offer) => {
      const key = keyOf(offer);
      const found = groups.get(key);
      if (found !== undefined) return found;
      const made = createWaitingGroup(deps, { offer, onEmpty: () => groups.delete(key) }, options);
      groups.set(key, made);
      return made;
    },
  };
}

function keyOf({ organizationId, drivers, tags, protocolVersion }: SharedOffer): string {
  const pairs = Object.entries(tags).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([organizationId, [...drivers].sort(), pairs, protocolVersion]);
}
