// What a statement that does many gives to each of those that asked: its rows name them by their place.

/** The row of each that was asked for, in their order, if any. Places count from 1, as `with ordinality` does. */
export function inPlaces<Row extends { readonly place: number }>(
  asked: readonly unknown[],
  rows: readonly Row[],
): readonly (Row | undefined)[] {
  const byPlace = new Map(rows.map((row) => [row.place, row]));
  return asked.map((_one, index) => byPlace.get(index + 1));
}
