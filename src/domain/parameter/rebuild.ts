// The parameters of a later build: what the workspace has, as far as the version still declares it, and what is
// changed now.
import { excerpt } from '../../base/excerpt.ts';
import {
  checkParameters,
  completeParameters,
  type ParameterDeclaration,
  type ParameterIssue,
  type ParameterValues,
} from './check.ts';

export interface RebuiltParameter extends ParameterDeclaration {
  /** Whether a later build may have another value. */
  readonly mutable: boolean;
}

export interface ImmutableIssue {
  readonly code: 'PARAMETER_IMMUTABLE';
  readonly parameter: string;
  readonly detail: string;
}

export interface RebuiltParameters {
  readonly values: ParameterValues;
  readonly issues: readonly (ParameterIssue | ImmutableIssue)[];
}

/** A value that the version would not take any more has to be given anew, immutable or not. */
export function rebuildParameters(
  declarations: readonly RebuiltParameter[],
  { former, given }: { readonly former: ParameterValues; readonly given: ParameterValues },
): RebuiltParameters {
  const declared = new Set(declarations.map(({ name }) => name));
  const kept = Object.entries(former).filter(([name]) => declared.has(name));
  const { values, issues } = completeParameters(declarations, {
    ...Object.fromEntries(kept),
    ...given,
  });
  const immutable = declarations
    .filter((declaration) => isChanged(declaration, { former, given, values }))
    .map(({ name }) => tellImmutable(name));
  return { values, issues: [...issues, ...immutable] };
}

function isChanged(
  declaration: RebuiltParameter,
  values: { readonly former: ParameterValues; readonly given: ParameterValues } & {
    readonly values: ParameterValues;
  },
): boolean {
  const { name, mutable, sensitive } = declaration;
  if (mutable || !Object.hasOwn(values.given, name)) return false;
  const former = values.former[name];
  if (former === undefined) return false;
  const fits = checkParameters([declaration], { [name]: former });
  // Were the same value let pass, a secret could be guessed.
  return fits.issues.length === 0 && (sensitive || fits.values[name] !== values.values[name]);
}

function tellImmutable(parameter: string): ImmutableIssue {
  const detail = `The parameter ${excerpt(parameter)} cannot be changed once the workspace is built.`;
  return { code: 'PARAMETER_IMMUTABLE', parameter, detail };
}
