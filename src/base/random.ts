// The only source of randomness.
import { randomBytes } from 'node:crypto';

export interface Rng {
  bytes(count: number): Uint8Array;
  /** Uniform in [0, 1). */
  next(): number;
}

/** Asking the operating system costs the same for one id as for hundreds. */
const STOCK_BYTES = 4096;
let stock = Buffer.alloc(0);

/** Never the same bytes twice, and nobody else holds them. */
function draw(count: number): Buffer {
  if (count > STOCK_BYTES) return randomBytes(count);
  if (count > stock.length) stock = randomBytes(STOCK_BYTES);
  const drawn = Buffer.from(stock.subarray(0, count));
  stock.fill(0, 0, count);
  stock = stock.subarray(count);
  return drawn;
}

export const systemRng: Rng = {
  bytes: draw,
  next: () => draw(6).readUIntBE(0, 6) / 2 ** 48,
};
