// Keeps secret values out of what is told: each occurrence of their exact text is blotted out.

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

/** As it is, line by line, as logs have it, and as it is written within JSON or a quoted string. */
function formsOf(value: string): readonly string[] {
  const quoted = JSON.stringify(value).slice(1, -1);
  return [value, ...value.split(/\r?\n/), quoted].filter((form) => form.length >= MIN_CHARS);
}
