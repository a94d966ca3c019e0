// From samples to the few figures that are printed.

/** The smallest sample that at least `share` of all (0 to 1) do not exceed. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const sample = sorted[Math.max(Math.ceil(sorted.length * share) - 1, 0)];
  if (sample === undefined) throw new Error('there are no samples');
  return sample;
}

export function median(samples: readonly number[]): number {
  return percentile(samples, 0.5);
}

/** The median of what each round says: what slows a whole round down slows both of its sides. */
export function medianRatio(above: readonly number[], below: readonly number[]): number {
  return median(above.map((sample, round) => sample / (below[round] ?? NaN)));
}

/** Columns of equal width; the first one holds names. */
export function renderTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_cell, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  const pad = (cell: string, column: number): string =>
    column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0);
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}
