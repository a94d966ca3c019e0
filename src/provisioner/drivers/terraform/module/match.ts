// Whether a module and its manifest fit each other: every parameter has its variable, every variable
// gets a value, and an instant claim depends on nothing that a claim changes.
import { excerpt } from '../../../../base/excerpt.ts';
import { findSimilar } from '../../../../base/similar.ts';
import type { Manifest, ManifestParameter } from '../../../../contract/manifest/schema.ts';
import type { Module, StateSetting, Variable } from './module.ts';
import { CLAIM_CHANGES, STANDBY_VARIABLES } from './values.ts';

/** What is wrong, a sentence each without its full stop; empty: they fit. */
export function findMismatches(module: Module, manifest: Manifest): readonly string[] {
  const { variables, stateSettings } = module;
  const parameters = new Set(manifest.parameters.map(({ name }) => name));
  return [
    ...manifest.parameters.flatMap((parameter) => {
      const variable = variables.get(parameter.name);
      if (variable === undefined) return [withoutVariable(parameter.name, module)];
      return checkSecrecy(parameter, variable);
    }),
    ...[...variables.values()].flatMap((variable) => {
      if (variable.name.startsWith('standby_')) return checkStandbyVariable(variable, manifest);
      const isSupplied =
        variable.hasDefault || parameters.has(variable.name) || module.given.has(variable.name);
      return isSupplied ? [] : [withoutValue(variable)];
    }),
    ...stateSettings.flatMap(checkStateSetting),
  ];
}

function withoutVariable(parameter: string, { variables }: Module): string {
  const similar = findSimilar(parameter, [...variables.keys()]);
  const hint = similar === undefined ? '' : `; did you mean ${excerpt(similar)}?`;
  return `the parameter ${excerpt(parameter)} has no variable of the same name in the module${hint}`;
}

/** Standby keeps its records and Terraform its outputs: what one of them takes for plain is told. */
function checkSecrecy(
  { sensitive }: ManifestParameter,
  { name, place, secret }: Variable,
): readonly string[] {
  if (sensitive === secret) return [];
  const remedy = secret
    ? 'the variable is sensitive: declare the parameter in standby.yaml with `sensitive: true`'
    : 'the parameter is sensitive: declare the variable with `sensitive = true`';
  return [`${place}: ${excerpt(name)} is kept secret by one side only; ${remedy}`];
}

function withoutValue({ name, place }: Variable): string {
  return (
    `${place}: the variable ${excerpt(name)} has no default, and no parameter of standby.yaml ` +
    'gives it a value'
  );
}

function checkStandbyVariable({ name, place }: Variable, { claim }: Manifest): readonly string[] {
  if (!STANDBY_VARIABLES.includes(name)) {
    const similar = findSimilar(name, STANDBY_VARIABLES);
    const hint =
      similar === undefined
        ? `there are ${STANDBY_VARIABLES.join(', ')}`
        : `did you mean ${excerpt(similar)}?`;
    return [`${place}: Standby gives no variable ${excerpt(name)}; ${hint}`];
  }
  if (claim !== 'instant' || !CLAIM_CHANGES.has(name)) return [];
  return [
    `${place}: a claim changes ${name}, and with \`claim: instant\` nothing is built at a claim; ` +
      'do without it, or use `claim: apply`',
  ];
}

/** Backends elsewhere are put aside by an override (see stateNotes); these would stand in its way. */
function checkStateSetting({ kind, place, overrides }: StateSetting): readonly string[] {
  if (kind === 'encryption') {
    return [`${place}: Standby encrypts the state itself and must be able to read it; take it out`];
  }
  if (!overrides) return [];
  return [`${place}: a file that overrides others may not say where the state is kept`];
}

/** What a template's author should know of a setting that is put aside. */
export function stateNotes({ stateSettings }: Module): readonly string[] {
  return stateSettings.map(({ kind, name, place }) => {
    const what = kind === 'backend' ? `the backend ${excerpt(name)}` : 'the block `cloud`';
    return `${place}: ${what} is not used: Standby keeps the state`;
  });
}
