// Why a pending job does not start, in a sentence for people.
import { describeTags } from './tags.ts';
import {
  CONFINEMENT_SINCE_PROTOCOL_VERSION,
  REHEARSALS_SINCE_PROTOCOL_VERSION,
  SECRETS_SINCE_PROTOCOL_VERSION,
} from './protocol.ts';

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

export interface OutdatedDaemon {
  readonly name: string;
  readonly protocolVersion: number;
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
  const ability = ABILITIES.get(minProtocolVersion);
  const able =
    ability === undefined ? '' : ` that can ${ability} (protocol version ${minProtocolVersion})`;
  const outdated = describeOutdated(outdatedDaemons);
  return `no_provisioner: no daemon${where}${able} offers driver "${driver}"${wanted}${outdated}`;
}

const MOST_NAMED = 3;

function describeOutdated(daemons: readonly OutdatedDaemon[]): string {
  if (daemons.length === 0) return '';
  const named = daemons
    .slice(0, MOST_NAMED)
    .map(({ name, protocolVersion }) => `"${name}" (protocol version ${protocolVersion})`);
  if (daemons.length > MOST_NAMED) named.push(`${daemons.length - MOST_NAMED} more`);
  return `; too old: ${named.join(', ')}: upgrade to the release of the control plane`;
}

/** What a version of the provisioner protocol has brought that a job may need. */
const ABILITIES: ReadonlyMap<number, string> = new Map([
  [SECRETS_SINCE_PROTOCOL_VERSION, 'keep sensitive parameters secret'],
  [REHEARSALS_SINCE_PROTOCOL_VERSION, 'rehearse claims'],
  [CONFINEMENT_SINCE_PROTOCOL_VERSION, 'keep the sandbox and the limits of a template'],
]);
