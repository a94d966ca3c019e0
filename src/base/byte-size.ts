// Sizes as people write them: one whole number and one unit.

const UNITS: readonly (readonly [unit: string, bytes: number])[] = [
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
  ['B', 1],
];

/** In bytes, written as 512KiB, 4MiB or 1GiB; undefined for anything else. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d{1,9})([KMG]iB|B)$/.exec(text);
  const unit = UNITS.find(([name]) => name === match?.[2]);
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit[1];
}

/** `4MiB`: in the largest unit that leaves it whole. */
export function formatBytes(bytes: number): string {
  const [unit, size] = UNITS.find(([, each]) => bytes >= each && bytes % each === 0) ?? ['B', 1];
  return `${bytes / size}${unit}`;
}
