// Text of others for a terminal: what could move the cursor, change colours, forge lines or reverse
// the direction of writing is shown as what it is.

const CONTROL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** `text` on one line, every control and format character escaped. */
export function harmless(text: string): string {
  return text.replace(
    CONTROL,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
