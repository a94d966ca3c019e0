// How a value somebody sent is shown in a message: quoted, short, and unable to disturb a terminal
// or to hide characters.

/** Long enough for any name that is allowed, short enough for one line. */
const SHOWN_LENGTH = 64;

// Control and format characters (line breaks, direction marks, zero width) and lone surrogates.
export const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** `text` with every invisible character escaped, so that it can do nothing to a terminal. */
export function escapeInvisible(text: string): string {
  return text.replace(INVISIBLE, escapeCharacter);
}

/** `text` in double quotes, invisible characters escaped; a long one is cut and its length said. */
export function excerpt(text: string): string {
  const shown = escapeInvisible(JSON.stringify(text.slice(0, SHOWN_LENGTH)));
  return text.length <= SHOWN_LENGTH ? shown : `${shown}… (${text.length} characters)`;
}

function escapeCharacter(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
