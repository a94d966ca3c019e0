// Text in an archive is UTF-8 or it is refused: what is no UTF-8 has other names on other machines.

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text, or undefined when the bytes are not UTF-8. */
export function decodeStrictly(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined; // the one thing a fatal decoder throws for
  }
}
