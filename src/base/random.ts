// The only source of randomness.
import { randomBytes } from 'node:crypto';

export interface Rng {
  bytes(count: number): Uint8Array;
  /** Uniform in [0, 1). */
  next(): number;
}

export const systemRng: Rng = {
  bytes: (count) => randomBytes(count),
  next: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
};
