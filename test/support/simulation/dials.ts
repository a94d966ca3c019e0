// How often what goes wrong by itself does, from 0 to 1.
import type { Seeded } from '../seeded.ts';

export interface Dials {
  /** A request never arrives. */
  readonly lostRequest: number;
  /** It was carried out, and nobody hears of it. */
  readonly lostAnswer: number;
  /** It arrives twice, and the second answer is the one that is heard. */
  readonly doubledRequest: number;
  readonly lostNotice: number;
  readonly doubledNotice: number;
  /** A transaction was committed, and whoever asked is told that the connection broke. */
  readonly unknownCommit: number;
}

export const CALM: Dials = {
  lostRequest: 0,
  lostAnswer: 0,
  doubledRequest: 0,
  lostNotice: 0,
  doubledNotice: 0,
  unknownCommit: 0,
};

/** Some of it, and none of the rest: faults that are always all there hide each other. */
export function turnDials(random: Seeded): Dials {
  const some = (probability: number): number => (random.chance(0.5) ? probability : 0);
  return {
    lostRequest: some(0.04),
    lostAnswer: some(0.06),
    doubledRequest: some(0.08),
    lostNotice: some(0.3),
    doubledNotice: some(0.3),
    unknownCommit: some(0.04),
  };
}
