// What does not fit a schema, for people: each place with its value and what belongs there.
import type { z } from 'zod';
import { excerpt } from '../base/excerpt.ts';

export interface Issue {
  /** For example `preset.schedules.0.cron`; empty for the whole document. */
  readonly path: string;
  readonly message: string;
}

// Whoever sent nonsense throughout needs the first few to see that.
const MAX_TOLD = 5;

/** The issues of a failed parse of `value`; `root` is put before each path. */
export function tellIssues(
  error: z.ZodError,
  value: unknown,
  root: readonly string[],
): readonly Issue[] {
  return error.issues.flatMap((issue): readonly Issue[] => {
    const path = [...root, ...issue.path.map(String)];
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        path: [...path, excerpt(key)].join('.'),
        message: 'is not known',
      }));
    }
    return [{ path: path.join('.'), message: show(lookUp(value, issue.path)) + issue.message }];
  });
}

/** The first few issues on one line, and how many more there are. */
export function summarizeIssues(issues: readonly Issue[]): string {
  const told = issues.slice(0, MAX_TOLD).map(({ path, message }) => `${path} ${message}`.trim());
  const more = issues.length > MAX_TOLD ? `, and ${issues.length - MAX_TOLD} more` : '';
  return told.join('; ') + more;
}

function show(given: unknown): string {
  if (typeof given === 'string') return `is ${excerpt(given)}: `;
  return typeof given === 'number' || typeof given === 'boolean' ? `is ${given}: ` : '';
}

function lookUp(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value;
  for (const key of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as Readonly<Record<PropertyKey, unknown>>)[key];
  }
  return at;
}
