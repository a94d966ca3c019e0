// Compresses one block by rules of our own instead of zlib's, whose output depends on its version
// and on the processor: an archive is known by its hash, so the same folder must give the same bytes
// on every machine. Packs text to about a half; changing anything here changes every hash.
import { createBitWriter, type BitWriter } from './bit-writer.ts';

/** The most that a block can hold as it is, when it does not get smaller. */
export const DEFLATE_BLOCK_BYTES = 65_535;

const MIN_MATCH = 4;
const MAX_MATCH = 258;
const MAX_DISTANCE = 32_768;
const HASH_BITS = 15;
/** Earlier places tried for each match: more packs a little better and takes longer. */
const MAX_TRIES = 32;

/** A final block without contents, which ends the stream. */
export const DEFLATE_END = Buffer.from([0x01, 0x00, 0x00, 0xff, 0xff]);

/**
 * `input` (at most DEFLATE_BLOCK_BYTES) as whole bytes of a deflate stream (RFC 1951) that refer to
 * nothing before them, so the results can be put one after the other.
 */
export function deflateBlock(input: Buffer): Buffer {
  const packed = packWithFixedCodes(input);
  return packed.length < input.length ? packed : store(input);
}

function store(input: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt16LE(input.length, 1);
  header.writeUInt16LE(input.length ^ 0xffff, 3);
  return Buffer.concat([header, input]);
}

function packWithFixedCodes(input: Buffer): Buffer {
  // A literal takes at most nine bits; the rest is for the block's ends.
  const bits = createBitWriter(Math.ceil((input.length * 9) / 8) + 16);
  bits.write(0b010, 3); // not the last block, fixed codes
  const finder = createMatchFinder(input);
  for (let at = 0; at < input.length;) {
    const match = finder.find(at);
    if (match === undefined) {
      writeSymbol(bits, input[at] ?? 0);
      finder.remember(at, 1);
      at += 1;
    } else {
      writeMatch(bits, match);
      finder.remember(at, match.length);
      at += match.length;
    }
  }
  writeSymbol(bits, 256); // end of block
  bits.write(0b000, 3); // an empty stored block brings the next one to a whole byte
  bits.alignToByte();
  bits.write(0x0000, 16);
  bits.write(0xffff, 16);
  return bits.finish();
}

interface Match {
  readonly length: number;
  readonly distance: number;
}

interface MatchFinder {
  /** The longest match for what begins at `at`, the nearest among equals. */
  find(at: number): Match | undefined;
  /** Lets later matches refer to the `count` places from `at`. */
  remember(at: number, count: number): void;
}

function createMatchFinder(input: Buffer): MatchFinder {
  const newest = new Int32Array(1 << HASH_BITS).fill(-1);
  const before = new Int32Array(input.length);
  const lastStart = input.length - MIN_MATCH;
  const hashAt = (at: number): number =>
    Math.imul(input.readUInt32LE(at), 0x9e3779b1) >>> (32 - HASH_BITS);

  const lengthOf = (from: number, at: number): number => {
    const most = Math.min(MAX_MATCH, input.length - at);
    let length = 0;
    while (length < most && input[from + length] === input[at + length]) length += 1;
    return length;
  };

  return {
    find: (at) => {
      if (at > lastStart) return undefined;
      let bestLength = MIN_MATCH - 1;
      let bestFrom = -1;
      let from = newest[hashAt(at)] ?? -1;
      for (let tries = 0; tries < MAX_TRIES && from >= 0; tries += 1) {
        if (at - from > MAX_DISTANCE) break;
        // A longer match has the byte after the best one's end in common too.
        if (input[from + bestLength] === input[at + bestLength]) {
          const length = lengthOf(from, at);
          if (length > bestLength) {
            bestLength = length;
            bestFrom = from;
          }
        }
        from = before[from] ?? -1;
      }
      return bestFrom < 0 ? undefined : { length: bestLength, distance: at - bestFrom };
    },
    remember: (at, count) => {
      for (let place = at; place < at + count && place <= lastStart; place += 1) {
        const hash = hashAt(place);
        before[place] = newest[hash] ?? -1;
        newest[hash] = place;
      }
    },
  };
}

/** The fixed code of RFC 1951, section 3.2.6, of a literal, a length or the end of a block. */
function writeSymbol(bits: BitWriter, symbol: number): void {
  if (symbol < 144) bits.writeCode(0x30 + symbol, 8);
  else if (symbol < 256) bits.writeCode(0x190 + symbol - 144, 9);
  else if (symbol < 280) bits.writeCode(symbol - 256, 7);
  else bits.writeCode(0xc0 + symbol - 280, 8);
}

interface Codes {
  /** The code by value. */
  readonly codeOf: Uint8Array;
  /** By code: the first of its values, and how many bits tell them apart. */
  readonly base: readonly number[];
  readonly extraBits: readonly number[];
}

/** Values from `first` to `last`: after the first codes, every `width` of them cover twice as many. */
function createCodes(first: number, last: number, width: number): Codes {
  const codeOf = new Uint8Array(last + 1);
  const base: number[] = [];
  const extraBits: number[] = [];
  for (let value = first, code = 0; value <= last; code += 1) {
    const bits = Math.max(0, Math.floor(code / width) - 1);
    base.push(value);
    extraBits.push(bits);
    codeOf.fill(code, value, value + 2 ** bits);
    value += 2 ** bits;
  }
  return { codeOf, base, extraBits };
}

const DISTANCES = createCodes(1, MAX_DISTANCE, 2);
// The longest length has a code of its own, so the codes in steps end before it.
const LENGTHS = createCodes(3, MAX_MATCH - 1, 4);
const MAX_MATCH_SYMBOL = 285;

function writeMatch(bits: BitWriter, match: Match): void {
  if (match.length === MAX_MATCH) {
    writeSymbol(bits, MAX_MATCH_SYMBOL);
  } else {
    const code = LENGTHS.codeOf[match.length] ?? 0;
    writeSymbol(bits, 257 + code);
    writeExtra(bits, LENGTHS, match.length);
  }
  bits.writeCode(DISTANCES.codeOf[match.distance] ?? 0, 5);
  writeExtra(bits, DISTANCES, match.distance);
}

/** Which of the values of its code it is. */
function writeExtra(bits: BitWriter, codes: Codes, value: number): void {
  const code = codes.codeOf[value] ?? 0;
  bits.write(value - (codes.base[code] ?? 0), codes.extraBits[code] ?? 0);
}
