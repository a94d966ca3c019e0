// Why a pending job does not start, in a sentence for people.

export interface WaitingFacts {
  readonly driver: string;
  readonly tags: Readonly<Record<string, string>>;
  /** The only machine that can do it; null: any. */
  readonly machineId: string | null;
  /** A daemon that fits was seen within the last minute. */
  readonly fittingDaemonSeen: boolean;
  /** Some daemon of that machine was seen within the last minute. */
  readonly machineSeen: boolean;
}

/** The reason, or null when the job only waits for its turn. */
export function describeWaiting(facts: WaitingFacts): string | null {
  if (facts.fittingDaemonSeen) return null;
  if (facts.machineId !== null && !facts.machineSeen) {
    return `machine_gone: only machine "${facts.machineId}" can do it, and no daemon there was seen for a minute`;
  }
  const tags = Object.entries(facts.tags).sort(([a], [b]) => (a < b ? -1 : 1));
  const offers = `no daemon offers driver "${facts.driver}"`;
  if (tags.length === 0) return offers;
  return `${offers} with tags ${tags.map(([name, value]) => `${name}=${value}`).join(', ')}`;
}
