// Finds many texts in another one at once: the time it takes hardly grows with how many there are.
// The algorithm is that of Wu and Manber (1994): most of what is read is skipped.

/** From the first character to the one behind the last. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Gives what the texts cover, in its order; what overlaps or touches is one range. */
export type FindTexts = (text: string) => readonly Range[];

const BLOCK_CHARS = 2;
/** As many as there are of two ASCII characters, and beyond; others share. */
const BLOCKS = 1 << 16;

/** None of `texts` may be shorter than `shortest`. */
export function createFindTexts(texts: Iterable<string>, shortest: number): FindTexts {
  const lastBlock = shortest - BLOCK_CHARS;
  // By the last block of a window: how far on a text may begin at the soonest.
  const skips = new Uint8Array(BLOCKS).fill(lastBlock + 1);
  const longestFirst = new Map<number, string[]>();
  for (const text of [...texts].sort((a, b) => b.length - a.length)) {
    for (let at = 0; at <= lastBlock; at += 1) {
      const block = blockAt(text, at);
      skips[block] = Math.min(skips[block] ?? 0, lastBlock - at);
    }
    const block = blockAt(text, lastBlock);
    longestFirst.set(block, [...(longestFirst.get(block) ?? []), text]);
  }

  return (text) => {
    const found: Range[] = [];
    let at = 0;
    while (at + shortest <= text.length) {
      const block = blockAt(text, at + lastBlock);
      const skip = skips[block] ?? 0;
      if (skip === 0) {
        const longest = longestFirst.get(block)?.find((one) => text.startsWith(one, at));
        if (longest !== undefined) addRange(found, { start: at, end: at + longest.length });
      }
      at += Math.max(skip, 1);
    }
    return found;
  };
}

/** The same for ranges in any order. */
export function joinRanges(ranges: readonly Range[]): readonly Range[] {
  const joined: Range[] = [];
  for (const range of [...ranges].sort((a, b) => a.start - b.start)) addRange(joined, range);
  return joined;
}

/** `range` begins nowhere before the last of `ranges`. */
function addRange(ranges: Range[], range: Range): void {
  const last = ranges.at(-1);
  if (last === undefined || range.start > last.end) ranges.push(range);
  else if (range.end > last.end) ranges[ranges.length - 1] = { start: last.start, end: range.end };
}

function blockAt(text: string, at: number): number {
  return ((text.charCodeAt(at) << 7) ^ text.charCodeAt(at + 1)) & (BLOCKS - 1);
}
