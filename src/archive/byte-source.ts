// Reads exact numbers of bytes from a stream of chunks of any size.

export interface ByteSource {
  /** Between 1 and `most` bytes as they come; undefined at the end. */
  next(most: number): Promise<Buffer | undefined>;
  /** The next `length` bytes, or fewer when the stream ends before. */
  read(length: number): Promise<Buffer>;
  /** Gives up the rest. */
  close(): Promise<void>;
}

export function createByteSource(chunks: AsyncGenerator<Buffer>): ByteSource {
  let pending: Buffer = Buffer.alloc(0);

  const next = async (most: number): Promise<Buffer | undefined> => {
    while (pending.length === 0) {
      const result = await chunks.next();
      if (result.done === true) return undefined;
      pending = result.value;
    }
    const taken = pending.subarray(0, most);
    pending = pending.subarray(taken.length);
    return taken;
  };

  return {
    next,
    read: async (length) => {
      const parts: Buffer[] = [];
      for (let left = length; left > 0;) {
        const part = await next(left);
        if (part === undefined) break;
        left -= part.length;
        parts.push(part);
      }
      return Buffer.concat(parts);
    },
    close: async () => {
      await chunks.return(undefined);
    },
  };
}
