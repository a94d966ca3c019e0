// Writes numbers of any width one after the other, the lowest bit first, as deflate wants them.

export interface BitWriter {
  /** The lowest `width` (at most 16) bits of `value`. */
  write(value: number, width: number): void;
  /** The same with the highest bit first, as deflate writes Huffman codes. */
  writeCode(code: number, width: number): void;
  alignToByte(): void;
  finish(): Buffer;
}

/** `capacity` is the most bytes there can be. */
export function createBitWriter(capacity: number): BitWriter {
  const bytes = Buffer.alloc(capacity);
  let length = 0;
  let held = 0;
  let heldWidth = 0;

  const write = (value: number, width: number): void => {
    held |= value << heldWidth;
    heldWidth += width;
    while (heldWidth >= 8) {
      length = bytes.writeUInt8(held & 0xff, length);
      held >>>= 8;
      heldWidth -= 8;
    }
  };

  const alignToByte = (): void => {
    if (heldWidth > 0) write(0, 8 - heldWidth);
  };

  return {
    write,
    writeCode: (code, width) => {
      let reversed = 0;
      for (let bit = 0; bit < width; bit += 1) reversed |= ((code >> bit) & 1) << (width - 1 - bit);
      write(reversed, width);
    },
    alignToByte,
    finish: () => {
      alignToByte();
      return bytes.subarray(0, length);
    },
  };
}
