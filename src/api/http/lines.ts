// An answer as lines that a shell can read without a parser: `NAME VALUE` for each value, named by its place
// in the JSON document (`files.0.path`), with octal escapes, as `printf %b` knows them, for all bytes that are
// not plain. What is null is left out; `{base64}` stands for its bytes; the last line is `end`.

export const LINES = 'text/x-standby-lines';

export function renderLines(body: unknown): string {
  return [...linesOf(body, ''), 'end', ''].join('\n');
}

function linesOf(value: unknown, name: string): readonly string[] {
  if (value === null || value === undefined) return [];
  if (typeof value !== 'object') {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return [`${name} ${escapeBytes(Buffer.from(text))}`];
  }
  if ('base64' in value && typeof value.base64 === 'string') {
    return [`${name} ${escapeBytes(Buffer.from(value.base64, 'base64'))}`];
  }
  return Object.entries(value).flatMap(([key, inner]) =>
    linesOf(inner, name === '' ? key : `${name}.${key}`),
  );
}

/** Spaces as well: a shell would take them off at the ends. */
function escapeBytes(bytes: Buffer): string {
  return bytes
    .toString('latin1')
    .replace(
      /[^!-[\]-~]/g,
      (character) => `\\0${character.charCodeAt(0).toString(8).padStart(3, '0')}`,
    );
}
