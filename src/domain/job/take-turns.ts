// The order in which slots that wait are served.

/**
 * In the order given, but one slot of each owner before the second of any: a daemon with many slots
 * must not fill up while others idle.
 */
export function takeTurns<T>(slots: Iterable<T>, ownerOf: (slot: T) => string): readonly T[] {
  const rounds: T[][] = [];
  const served = new Map<string, number>();
  for (const slot of slots) {
    const owner = ownerOf(slot);
    const round = served.get(owner) ?? 0;
    served.set(owner, round + 1);
    (rounds[round] ??= []).push(slot);
  }
  return rounds.flat();
}
