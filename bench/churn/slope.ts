// Growth told from noise.

/** How much a straight line through the samples rises from the first to the last, as a share of its start. */
export function slopeOver(samples: readonly number[]): number {
  const middle = (samples.length - 1) / 2;
  const mean = samples.reduce((sum, each) => sum + each, 0) / samples.length;
  let covariance = 0;
  let variance = 0;
  for (const [index, sample] of samples.entries()) {
    covariance += (index - middle) * (sample - mean);
    variance += (index - middle) ** 2;
  }
  const rise = covariance / variance;
  return (rise * 2 * middle) / (mean - rise * middle);
}
