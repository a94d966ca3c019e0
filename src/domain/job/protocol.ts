// What daemons are handed by the version of the provisioner protocol that they speak.

/** Daemons of this version and later keep the values of sensitive parameters out of logs and errors. */
export const SECRETS_SINCE_PROTOCOL_VERSION = 2;

/** Daemons of this version and later rehearse claims. */
export const REHEARSALS_SINCE_PROTOCOL_VERSION = 3;

/** Daemons of this version and later keep the sandbox and the limits of the process driver. */
export const CONFINEMENT_SINCE_PROTOCOL_VERSION = 4;

/** What a version of the provisioner protocol has brought that a job may need. */
const ABILITIES: ReadonlyMap<number, string> = new Map([
  [SECRETS_SINCE_PROTOCOL_VERSION, 'keep sensitive parameters secret'],
  [REHEARSALS_SINCE_PROTOCOL_VERSION, 'rehearse claims'],
  [CONFINEMENT_SINCE_PROTOCOL_VERSION, 'keep the sandbox and the limits of a template'],
]);

/** What daemons of this version and later can do, after "can"; undefined where that is nothing new. */
export function describeAbility(protocolVersion: number): string | undefined {
  const ability = ABILITIES.get(protocolVersion);
  return ability === undefined ? undefined : `${ability} (protocol version ${protocolVersion})`;
}

/** A daemon that would do but for its version. */
export interface OutdatedDaemon {
  readonly name: string;
  readonly protocolVersion: number;
}

const MOST_NAMED = 3;

/** The end of a sentence; empty for none. */
export function describeOutdated(daemons: readonly OutdatedDaemon[]): string {
  if (daemons.length === 0) return '';
  const named = daemons
    .slice(0, MOST_NAMED)
    .map(({ name, protocolVersion }) => `"${name}" (protocol version ${protocolVersion})`);
  if (daemons.length > MOST_NAMED) named.push(`${daemons.length - MOST_NAMED} more`);
  return `; too old: ${named.join(', ')}: upgrade to the release of the control plane`;
}
