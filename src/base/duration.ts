// Durations as people write them: one whole number and one unit.

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** In milliseconds, written as 500ms, 10s, 1m, 2h or 1d; undefined for anything else. */
export function parseDurationMs(text: string): number | undefined {
  const match = /^(-?\d{1,9})(ms|s|m|h|d)$/.exec(text);
  const unitMs = UNIT_MS[match?.[2] ?? ''];
  return match === null || unitMs === undefined ? undefined : Number(match[1]) * unitMs;
}

/** As people write it, in the largest unit that takes it whole; `ms` is a whole number. */
export function formatDuration(ms: number): string {
  const units = Object.entries(UNIT_MS).reverse();
  const [unit = 'ms', unitMs = 1] = units.find(([, each]) => ms % each === 0) ?? [];
  return `${ms / unitMs}${unit}`;
}
