// Text of others for a terminal: what could move the cursor, change colours, forge lines or reverse
// the direction of writing is shown as what it is.
import { escapeInvisible, INVISIBLE } from '../../base/excerpt.ts';

/** Colours and the like, which build tools print where nobody looks. */
const STYLES = new RegExp(`${String.fromCharCode(0x1b)}\\[[\\d;:]*m`, 'g');

/** `text` on one line, every control and format character escaped. */
export const harmless = escapeInvisible;

/** A line that a program printed: its colours are left out, its tabs are spaces, the rest as above. */
export function harmlessLine(line: string): string {
  return harmless(line.replace(STYLES, '').replace(/\r$/, '').replaceAll('\t', '    '));
}

/** A template whose values are made harmless: for sentences around names and other text of others. */
export function sentence(texts: TemplateStringsArray, ...values: readonly string[]): string {
  return String.raw({ raw: texts }, ...values.map(harmless));
}

/** `text` with its line breaks; lines after the first are indented, so that none can pass for another's. */
export function harmlessLines(text: string): string {
  return text.trimEnd().split('\n').map(harmlessLine).join('\n  ');
}

/** The same document for every reader of JSON, without a character that a terminal would obey. */
export function harmlessJson(value: unknown): string {
  // JSON escapes only what lies below the space; outside of strings it has none of the others.
  return JSON.stringify(value).replace(INVISIBLE, (character) =>
    character.replace(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  );
}
