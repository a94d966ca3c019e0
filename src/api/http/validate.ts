// The parts of a request through the route's schemas; what does not fit is named with its value.
import type { z } from 'zod';
import { AppError } from '../../base/app-error.ts';
import { summarizeIssues, tellIssues } from '../../contract/issue.ts';
import { NAME_RULE } from '../../domain/name/name.ts';

// Whoever sent thousands of wrong things need not get them all back.
const MAX_ISSUES = 100;

export type Part = 'path' | 'query' | 'header' | 'body';

/** Parses one part. Throws BAD_REQUEST, or NAME_INVALID when all that is wrong is names. */
export function validate(schema: z.ZodType, part: Part, value: unknown): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = tellIssues(parsed.error, value, [part]);
  const onlyNames = parsed.error.issues.every((issue) => issue.message === NAME_RULE);
  throw new AppError(onlyNames ? 'NAME_INVALID' : 'BAD_REQUEST', {
    detail: summarizeIssues(issues),
    fields: { issues: issues.slice(0, MAX_ISSUES) },
  });
}
