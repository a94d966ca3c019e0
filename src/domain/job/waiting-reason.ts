// Why a pending job does not start, in a sentence for people.
import { describeAbility, describeOutdated, type OutdatedDaemon } from './protocol.ts';
import { describeTags } from './tags.ts';

export interface WaitingFacts {
  readonly driver: string;
  readonly tags: Readonly<Record<string, string>>;
  /** The only machine that can do it; null: any. */
  readonly machineId: string | null;
  /** The oldest version of the provisioner protocol whose daemons may do it. */
  readonly minProtocolVersion: number;
  /** Daemons that would fit but for that, seen within the last minute. */
  readonly outdatedDaemons: readonly OutdatedDaemon[];
  /** A daemon that fits was seen within the last minute. */
  readonly fittingDaemonSeen: boolean;
  /** Some daemon of that machine was seen within the last minute. */
  readonly machineSeen: boolean;
}

/** The reason, its code first, or null when the job only waits for its turn. */
export function describeWaiting(facts: WaitingFacts): string | null {
  if (facts.fittingDaemonSeen) return null;
  const { driver, machineId, minProtocolVersion, outdatedDaemons, machineSeen } = facts;
  if (machineId !== null && !machineSeen) {
    return `machine_gone: only machine "${machineId}" can do it, and no daemon there was seen for a minute`;
  }
  const where = machineId === null ? '' : ` on machine "${machineId}"`;
  const tags = describeTags(facts.tags);
  const wanted = tags === '' ? '' : ` with tags ${tags}`;
  const ability = describeAbility(minProtocolVersion);
  const able = ability === undefined ? '' : ` that can ${ability}`;
  const outdated = describeOutdated(outdatedDaemons);
  return `no_provisioner: no daemon${where}${able} offers driver "${driver}"${wanted}${outdated}`;
}
