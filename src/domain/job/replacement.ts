// What a build throws away of what stood for its workspace. In the build of a claim that defeats the
// pool: it was made ahead of time for nothing.

export const REPLACEMENTS = {
  replace: 'when it is destroyed and made anew',
  delete: 'when it is destroyed, and nothing of its address comes after it',
  // Found only by rehearsals of templates whose claims build nothing: there any difference is one too many.
  create: 'when it is made by the claim',
  update: 'when it is changed in place',
} as const;

export interface Replacement {
  /** By the name that the driver's tool has for the resource. */
  readonly address: string;
  readonly action: keyof typeof REPLACEMENTS;
  /** Which of its arguments force it; none where the tool does not say. */
  readonly paths: readonly string[];
}

/** Of one build: nobody reads a longer list, and none may keep a result from being stored. */
export const MAX_REPLACEMENTS = 200;
export const MAX_PATHS = 50;
export const MAX_REPLACEMENTS_BYTES = 64 * 1_024;

/**
 * As many, from the first on, as have room: one that is too long is told without its paths, and left out
 * where even its name is too long. The first always has room, so that something never becomes nothing.
 */
export function cutReplacements<Any extends Replacement>(
  replacements: readonly Any[],
): readonly Any[] {
  let room = MAX_REPLACEMENTS_BYTES;
  return replacements.flatMap((whole) => {
    const fitting = [whole, { ...whole, paths: [] }].find((one) => sizeOf(one) <= room);
    if (fitting === undefined) return [];
    room -= sizeOf(fitting);
    return [fitting];
  });
}

function sizeOf(replacement: Replacement): number {
  return Buffer.byteLength(JSON.stringify(replacement));
}
