// Names of prebuilds: unique by chance alone, so that making one asks nobody.
import type { Rng } from '../../base/random.ts';
import { PREBUILD_PREFIX } from './name.ts';

const RANDOM_BYTES = 9;
/** RFC 4648, in the lower case that names of workspaces have. */
const BASE_32 = 'abcdefghijklmnopqrstuvwxyz234567';

export function createPrebuildName(rng: Pick<Rng, 'bytes'>): string {
  let text: string = PREBUILD_PREFIX;
  let bits = 0;
  let bitCount = 0;
  const take = (digit: number): void => {
    text += BASE_32.charAt(digit & 31);
  };
  for (const byte of rng.bytes(RANDOM_BYTES)) {
    bits = ((bits << 8) | byte) & 0xfff;
    bitCount += 8;
    while (bitCount >= 5) {
      bitCount -= 5;
      take(bits >> bitCount);
    }
  }
  if (bitCount > 0) take(bits << (5 - bitCount));
  return text;
}
