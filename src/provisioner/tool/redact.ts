// Keeps secret values out of what is told: each occurrence of their exact text is blotted out, and so
// are the forms in which tools write such a text into requests, dumps and errors.

export interface Redactor {
  /** From now on these are secret. */
  add(values: Iterable<string>): void;
  redact(text: string): string;
}

/** Shorter ones are words and numbers that stand everywhere: blotting them out hides what is said. */
const MIN_CHARS = 6;
const BLOT = '(secret)';

export function createRedactor(): Redactor {
  const secrets = new Set<string>();
  let longestFirst: readonly string[] = [];
  return {
    add: (values) => {
      for (const value of values) for (const form of formsOf(value)) secrets.add(form);
      // A secret may be part of another one.
      longestFirst = [...secrets].sort((a, b) => b.length - a.length);
    },
    redact: (text) => longestFirst.reduce((told, secret) => told.replaceAll(secret, BLOT), text),
  };
}

function formsOf(value: string): readonly string[] {
  if (value.length < MIN_CHARS) return [];
  const quoted = JSON.stringify(value).slice(1, -1);
  const bytes = Buffer.from(value);
  const forms = [
    value,
    // As logs have a text of several lines.
    ...value.split(/\r?\n/),
    quoted,
    // JSON as Go writes it, and so Terraform.
    quoted.replace(/[<>&\u2028\u2029]/g, escapeUnicode),
    encodeURIComponent(bytes.toString()),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    ...base64FormsOf(bytes),
  ];
  return forms.filter((form) => form.length >= MIN_CHARS);
}

function escapeUnicode(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/**
 * What stands in base64 wherever the text stands in what was encoded: as `user:password` does in a
 * header. By the place there are three, and the characters at the ends are others' as well.
 */
function base64FormsOf(bytes: Buffer): readonly string[] {
  const inner = [0, 1, 2].map((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    const ends = (before + bytes.length) % 3 === 0 ? encoded.length : encoded.indexOf('=') - 1;
    return encoded.slice(before === 0 ? 0 : before + 1, ends);
  });
  return inner.flatMap((form) => [form, form.replaceAll('+', '-').replaceAll('/', '_')]);
}
