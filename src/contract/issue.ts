// What does not fit a schema, for people: each place with its value and what belongs there.
import type { z } from 'zod';
import { excerpt } from '../base/excerpt.ts';
import { JSON_TYPES, requirement } from './requirement.ts';

export interface Issue {
  /** For example `preset.schedules.0.cron`; empty for the whole document. */
  readonly path: string;
  readonly message: string;
}

// Whoever sent nonsense throughout needs the first few to see that.
const MAX_TOLD = 5;
/** What these hold is never shown: some of it is secret, and a schema does not know what. */
const UNSHOWN: ReadonlySet<PropertyKey> = new Set([
  ...['parameters', 'secret_outputs'],
  ...['environment', 'secrets', 'files'],
]);

/** The issues of a failed parse of `value`; `root` is put before each path. */
export function tellIssues(
  error: z.ZodError,
  value: unknown,
  root: readonly string[],
): readonly Issue[] {
  return error.issues.flatMap((issue): readonly Issue[] => {
    const path = [...root, ...issue.path.map((part) => showPart(String(part)))];
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        path: [...path, excerpt(key)].join('.'),
        message: 'is not known',
      }));
    }
    const given = lookUp(value, issue.path);
    const isMissing = given === undefined && issue.code !== 'custom';
    const shown = issue.path.some((part) => UNSHOWN.has(part)) ? '' : show(given);
    const message = isMissing ? 'is missing' : shown + requirement(issue, JSON_TYPES);
    return [{ path: path.join('.'), message }];
  });
}

/** The first few issues on one line, and how many more there are. */
export function summarizeIssues(issues: readonly Issue[]): string {
  const told = issues.slice(0, MAX_TOLD).map(({ path, message }) => `${path} ${message}`.trim());
  const more = issues.length > MAX_TOLD ? `, and ${issues.length - MAX_TOLD} more` : '';
  return told.join('; ') + more;
}

/** A key or position as it is, unless somebody chose it to deceive or to fill the line. */
function showPart(part: string): string {
  return /^[\w-]{1,64}$/.test(part) ? part : excerpt(part);
}

function show(given: unknown): string {
  if (typeof given === 'string') return `is ${excerpt(given)}: `;
  if (Array.isArray(given)) return 'is a list: ';
  return typeof given === 'object' && given !== null ? 'is an object: ' : `is ${String(given)}: `;
}

function lookUp(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value;
  for (const key of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as Readonly<Record<PropertyKey, unknown>>)[key];
  }
  return at;
}
