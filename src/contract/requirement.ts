// What a value must be, in words of ours: the schema library's own messages are for programmers.
import type { z } from 'zod';

/** How a format calls its types, by the library's names of them. */
export type TypeTexts = Readonly<Record<string, string>>;

const SCALARS: TypeTexts = {
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  string: 'text',
};

export const JSON_TYPES: TypeTexts = {
  ...SCALARS,
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

export const YAML_TYPES: TypeTexts = {
  ...SCALARS,
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
};

const FORMAT_TEXTS: Readonly<Record<string, string>> = {
  datetime: 'a time such as 2026-01-31T08:00:00Z',
  email: 'an e-mail address',
  uuid: 'an id, as lists show it',
};

/** A clause: "must be text", "must have at most 64 characters". */
export function requirement(issue: z.core.$ZodIssue, types: TypeTexts): string {
  // Clauses of our own begin so; the library's messages do not.
  if (issue.message.startsWith('must ')) return issue.message;
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${types[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`;
    case 'too_big':
      return `must ${measure(issue.origin, 'at most', Number(issue.maximum))}`;
    case 'too_small':
      return `must ${measure(issue.origin, 'at least', Number(issue.minimum))}`;
    case 'invalid_format':
      return `must be ${FORMAT_TEXTS[issue.format] ?? `a ${issue.format}`}`;
    case 'invalid_key':
      return `is a key that ${issue.issues.map((inner) => requirement(inner, types)).join(', ')}`;
    default:
      return `is not allowed: ${issue.message}`;
  }
}

function measure(origin: string, bound: string, limit: number): string {
  const one = limit === 1;
  if (origin === 'string') return `have ${bound} ${limit} ${one ? 'character' : 'characters'}`;
  if (origin === 'array') return `have ${bound} ${limit} ${one ? 'entry' : 'entries'}`;
  return `be ${bound} ${limit}`;
}
