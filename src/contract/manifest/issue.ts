// What is wrong with a manifest, and where. All of it is said at once, in the order of the lines.
import { AppError } from '../../base/app-error.ts';
import { PARAMETER_ISSUES } from '../../domain/parameter/check.ts';

/** Every kind of issue, with the sentence that says when. */
export const MANIFEST_ISSUES = {
  YAML_SYNTAX: 'when the text is not one YAML document without tags of its own',
  DUPLICATE_KEY: 'when a mapping has a key twice',
  TOO_COMPLEX: 'when aliases or nesting go beyond what a manifest needs',
  UNKNOWN_KEY: 'when a key is not known in its place',
  MISSING_KEY: 'when a key that is needed is not there',
  WRONG_TYPE: 'when a value is of another type: text, number, list or mapping',
  INVALID_VALUE: 'when a value is of the right type and yet not allowed',
  NAME_DUPLICATE: 'when two parameters, presets or agents have one name',
  DEFAULT_DUPLICATE: 'when more than one preset is the default',
  ...PARAMETER_ISSUES,
  SENSITIVE_VALUE:
    'when a value of a sensitive parameter would be in the template, for all to read',
  INSTANCES_ABOVE_MAX: 'when a count is above max_instances',
  TIMEZONE_UNKNOWN: 'when a time zone is not in the IANA database, spelled exactly so',
  SCHEDULE_INVALID: 'when a schedule does not parse',
  SCHEDULES_OVERLAP: 'when two schedules cover a common minute',
  SCHEDULE_NEVER_MATCHES: 'when no day ever matches a schedule',
  DRIVER_SETTINGS_MISSING: "when the driver's own settings are missing",
  DRIVER_SETTINGS_FOREIGN: 'when there are settings of another driver',
  READY_WITH_AGENTS: 'when a template with agents has a ready check too',
  READY_UNCHECKED: 'when a template has a ready check, and its driver cannot make one',
  SCRIPT_MISSING: 'when the script of an agent is not in the folder',
  SCRIPT_NOT_EXECUTABLE: 'when the script of an agent may not be executed',
  DOCKERFILE_MISSING: 'when the Dockerfile of `build` is not in the folder',
  PORT_UNREACHABLE: 'when a port is used or published that cannot be reached',
  INSTANT_NEEDS_OWNER: 'when `claim: instant` depends on what a claim changes',
} as const;

export type ManifestIssueCode = keyof typeof MANIFEST_ISSUES;

/** Keys and list positions from the top of the document. */
export type ManifestPath = readonly (string | number)[];

/** An issue before its place in the text is known. */
export interface Finding {
  readonly code: ManifestIssueCode;
  /** One sentence with the value, without a full stop. */
  readonly message: string;
  /** What to do; '' where the message says it all. */
  readonly hint: string;
  readonly path: ManifestPath;
  /** Whether the key or its value is to be pointed at. */
  readonly at: 'key' | 'value';
}

export interface ManifestIssue {
  readonly code: ManifestIssueCode;
  readonly message: string;
  readonly hint: string;
  /** For example `presets[0].prebuilds.ttl`; empty for the whole document. */
  readonly path: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units as editors count. */
  readonly column: number;
}

/** Whoever wrote pages of mistakes mends these first; finding places and likely words takes time. */
export const MAX_ISSUES = 100;
const MAX_TOLD = 5;

/** In the order of the text, and no more than anybody reads. */
export function sortIssues(issues: readonly ManifestIssue[]): readonly ManifestIssue[] {
  return [...issues].sort((a, b) => a.line - b.line || a.column - b.column).slice(0, MAX_ISSUES);
}

/** MANIFEST_INVALID with every issue in its field `issues`, and the first few with what to do in its text. */
export function manifestInvalid(issues: readonly ManifestIssue[]): AppError {
  const told = issues.slice(0, MAX_TOLD).map(({ line, column, message, hint }, index) => {
    // Keys that are not known in one place have one hint: the keys that are.
    const isNew = issues.findIndex((issue) => issue.hint === hint) === index;
    return `${line}:${column}: ${message}.${isNew && hint !== '' ? ` ${hint}` : ''}`;
  });
  const more = issues.length > MAX_TOLD ? [`There are ${issues.length - MAX_TOLD} more.`] : [];
  return new AppError('MANIFEST_INVALID', {
    detail: `standby.yaml ${[...told, ...more].join(' ')}`,
    fields: { issues },
  });
}

export function renderPath(path: ManifestPath): string {
  return path
    .map((part, index) => {
      if (typeof part === 'number') return `[${part}]`;
      return index === 0 ? part : `.${part}`;
    })
    .join('');
}
