// Which preset a request means that names none.

export interface MatchablePreset {
  readonly name: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/**
 * The best match of the parameters given: a preset matches when all its pairs are among them, the
 * one with most pairs wins, ties by name. One without parameters matches everything, last. Values
 * are compared as text, so both sides must be in the form that `checkParameters` gives.
 */
export function matchPreset<Preset extends MatchablePreset>(
  presets: readonly Preset[],
  given: Readonly<Record<string, string>>,
): Preset | undefined {
  return presets
    .filter(({ parameters }) =>
      Object.entries(parameters).every(
        ([name, value]) => Object.hasOwn(given, name) && given[name] === value,
      ),
    )
    .sort((a, b) => countPairs(b) - countPairs(a) || (a.name < b.name ? -1 : 1))[0];
}

function countPairs({ parameters }: MatchablePreset): number {
  return Object.keys(parameters).length;
}
