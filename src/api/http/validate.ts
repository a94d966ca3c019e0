// The parts of a request through the route's schemas; what does not fit is named with its value.
import type { z } from 'zod';
import { AppError } from '../../base/app-error.ts';
import { excerpt } from '../../base/excerpt.ts';
import { NAME_RULE } from '../../contract/field.ts';

export type Part = 'path' | 'query' | 'header' | 'body';

interface Issue {
  /** For example `body.organizations.0`. */
  readonly path: string;
  readonly message: string;
}

// A caller who sent nonsense throughout needs the first few to see that.
const MAX_TOLD = 5;

/** Parses one part. Throws BAD_REQUEST, or NAME_INVALID when all that is wrong is names. */
export function validate(schema: z.ZodType, part: Part, value: unknown): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues;
  const issues = wrong.flatMap((issue) => tell(part, value, issue));
  const told = issues.slice(0, MAX_TOLD).map(({ path, message }) => `${path} ${message}`);
  const more = issues.length > MAX_TOLD ? `, and ${issues.length - MAX_TOLD} more` : '';
  const onlyNames = wrong.every((issue) => issue.message === NAME_RULE);
  throw new AppError(onlyNames ? 'NAME_INVALID' : 'BAD_REQUEST', {
    detail: told.join('; ') + more,
    fields: { issues },
  });
}

function tell(part: Part, value: unknown, issue: z.core.$ZodIssue): readonly Issue[] {
  const path = [part, ...issue.path.map(String)];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: [...path, excerpt(key)].join('.'),
      message: 'is not known',
    }));
  }
  const given = lookUp(value, issue.path);
  const shown = typeof given === 'string' ? `is ${excerpt(given)}: ` : '';
  return [{ path: path.join('.'), message: shown + issue.message }];
}

function lookUp(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value;
  for (const key of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as Readonly<Record<PropertyKey, unknown>>)[key];
  }
  return at;
}
