// Text from daemons and agents as PostgreSQL can keep it: no NUL, and every surrogate in a pair.

const UNSTORABLE = /\0|\p{Cs}/gu;

/** `text` with what cannot be stored replaced by U+FFFD. */
export function storableText(text: string): string {
  return text.replace(UNSTORABLE, '\u{fffd}');
}
