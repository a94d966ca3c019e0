// What things cost a day, and what may be spent: whole hundredths of a currency's unit inside, so that
// sums are exact; units with decimals to people.

/** More than any organization spends, and far below what a number holds exactly. */
export const MAX_UNITS = 1_000_000_000;

/** `units` has two decimals at most. */
export function fromUnits(units: number): number {
  return Math.round(units * 100);
}

export function toUnits(hundredths: number): number {
  return hundredths / 100;
}

/** As people read it: `10.08`. */
export function formatAmount(hundredths: number): string {
  return toUnits(hundredths).toFixed(2);
}
