// Taking much away in statements that are short: each locks little, and not for long.

export interface Batches {
  /** Rows of one. */
  readonly size: number;
  readonly most: number;
  /** No further one is begun. */
  readonly signal: AbortSignal;
}

/** Goes on until a batch finds less than it may take. Gives how much was taken away in all. */
export async function inBatches(
  { size, most, signal }: Batches,
  takeAway: (limit: number) => Promise<number>,
): Promise<number> {
  let taken = 0;
  for (let batch = 0; batch < most && !signal.aborted; batch++) {
    const found = await takeAway(size);
    taken += found;
    if (found < size) break;
  }
  return taken;
}
