// The parameters of a preset or a request against what its template version declares.
import { AppError } from '../../base/app-error.ts';
import { excerpt } from '../../base/excerpt.ts';
import { canonicalValue, PARAMETER_TYPES, type ParameterType } from './value.ts';

/** A parameter as a template declares it. */
export interface ParameterDeclaration {
  readonly name: string;
  readonly type: ParameterType;
  /** Null: a value must be given. */
  readonly default: string | null;
  /** Empty: any value of the type. */
  readonly options: readonly string[];
  /** Its values are never told, not even when they are wrong. */
  readonly sensitive: boolean;
}

export type ParameterValues = Readonly<Record<string, string>>;

/** What can be wrong with parameters, each with the sentence that says when. */
export const PARAMETER_ISSUES = {
  PARAMETER_UNKNOWN: 'when the template declares no parameter of that name',
  PARAMETER_TYPE_WRONG: 'when the value is not of the declared type',
  PARAMETER_OPTION_UNKNOWN: 'when the value is not one of the declared options',
  PARAMETER_MISSING: 'when nothing was given for a parameter without a default',
} as const;

export interface ParameterIssue {
  readonly code: keyof typeof PARAMETER_ISSUES;
  readonly parameter: string;
  /** One sentence with the values. */
  readonly detail: string;
}

// Whoever gave the wrong parameters altogether needs the first few to see that.
const MAX_TOLD = 5;

export interface CheckedParameters {
  /** What was given and fits, each value in its one form. */
  readonly values: ParameterValues;
  /** In the order in which parameters were given, then of the declarations. */
  readonly issues: readonly ParameterIssue[];
}

/** Checks what was given and nothing else: no defaults, nothing missing. For matching presets. */
export function checkParameters(
  declarations: readonly ParameterDeclaration[],
  given: ParameterValues,
): CheckedParameters {
  const byName = new Map(declarations.map((declaration) => [declaration.name, declaration]));
  const values: [string, string][] = [];
  const issues: ParameterIssue[] = [];
  for (const [name, text] of Object.entries(given)) {
    const checked = checkValue(byName.get(name), name, text);
    if (typeof checked === 'string') values.push([name, checked]);
    else issues.push(checked);
  }
  return { values: Object.fromEntries(values), issues };
}

/** Checks what was given and fills in defaults, in the order of the declarations. For building. */
export function completeParameters(
  declarations: readonly ParameterDeclaration[],
  given: ParameterValues,
): CheckedParameters {
  const checked = checkParameters(declarations, given);
  const missing = declarations.filter(
    (declaration) => declaration.default === null && !Object.hasOwn(given, declaration.name),
  );
  const complete = declarations.flatMap(({ name, type, default: fallback }): [string, string][] => {
    const value = Object.hasOwn(checked.values, name) ? checked.values[name] : fallback;
    return value === null || value === undefined
      ? []
      : [[name, canonicalValue(type, value) ?? value]];
  });
  return {
    values: Object.fromEntries(complete),
    issues: [...checked.issues, ...missing.map(tellMissing)],
  };
}

/** The error for parameters that do not fit, all issues in it. */
export function parametersInvalid(
  issues: readonly { readonly code: string; readonly parameter: string; readonly detail: string }[],
): AppError {
  const told = issues.slice(0, MAX_TOLD).map((issue) => issue.detail);
  const more = issues.length > MAX_TOLD ? [`There are ${issues.length - MAX_TOLD} more.`] : [];
  return new AppError('PARAMETERS_INVALID', {
    detail: [...told, ...more].join(' '),
    fields: { issues },
  });
}

/** The value in its one form, or what is wrong with it. */
function checkValue(
  declaration: ParameterDeclaration | undefined,
  parameter: string,
  text: string,
): string | ParameterIssue {
  const shown = excerpt(parameter);
  if (declaration === undefined) {
    const detail = `The template has no parameter ${shown}.`;
    return { code: 'PARAMETER_UNKNOWN', parameter, detail };
  }
  const { type, options, sensitive } = declaration;
  const told = sensitive ? 'The value' : `The value ${excerpt(text)}`;
  const value = canonicalValue(type, text);
  if (value === undefined) {
    const fits = PARAMETER_TYPES[type].replace('when it is', 'it must be');
    const detail = `${told} of parameter ${shown} is no ${type}: ${fits}.`;
    return { code: 'PARAMETER_TYPE_WRONG', parameter, detail };
  }
  if (options.length > 0 && !options.some((option) => canonicalValue(type, option) === value)) {
    const allowed = options.map(excerpt).join(', ');
    const detail = `${told} of parameter ${shown} is not one of ${allowed}.`;
    return { code: 'PARAMETER_OPTION_UNKNOWN', parameter, detail };
  }
  return value;
}

function tellMissing({ name: parameter, type }: ParameterDeclaration): ParameterIssue {
  const detail = `The parameter ${excerpt(parameter)} (${type}) needs a value: it has no default.`;
  return { code: 'PARAMETER_MISSING', parameter, detail };
}
