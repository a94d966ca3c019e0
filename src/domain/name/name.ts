// The rule for names. They stand in URLs, commands, host names and metric labels, and a pool is
// called organization/template/preset, so all of them are host name labels: nothing to escape.
import { excerpt } from '../../base/excerpt.ts';

/** What people give names to. */
export type NamedKind = 'organization' | 'user' | 'template' | 'preset' | 'workspace';

export const NAME_PATTERN = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** The pattern in words. */
export const NAME_RULE = 'must be 1 to 63 lower-case letters, digits and inner hyphens';

/** Every prebuild is called this and something random until it is claimed. */
export const PREBUILD_PREFIX = 'prebuild-';
/** In place of a preset: explicitly without one. */
export const NO_PRESET = 'none';

export interface NameIssue {
  readonly code: 'NAME_INVALID';
  /** One sentence with the name and the rule. */
  readonly detail: string;
  /** Where the catalog's hint, which has the rule, is no help. */
  readonly hint?: string;
}

/** What is wrong with a name that a person chose, or null when nothing is. */
export function checkName(kind: NamedKind, name: string): NameIssue | null {
  const problem = findProblem(kind, name);
  if (problem === null) return null;
  const issue = {
    code: 'NAME_INVALID',
    detail: `The ${kind} name ${excerpt(name)} ${problem}.`,
  } as const;
  return problem === NAME_RULE ? issue : { ...issue, hint: 'Choose another name.' };
}

function findProblem(kind: NamedKind, name: string): string | null {
  if (!NAME_PATTERN.test(name)) return NAME_RULE;
  if (kind === 'workspace' && name.startsWith(PREBUILD_PREFIX)) {
    return `must not begin with ${PREBUILD_PREFIX}, as those of pools do`;
  }
  if (kind === 'preset' && name === NO_PRESET) return 'means no preset at all; choose another';
  return null;
}
