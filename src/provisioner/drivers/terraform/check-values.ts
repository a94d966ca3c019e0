// Whether the module takes the values that standby.yaml names: by its types, `nullable` and `validation`,
// as Terraform judges them. It plans the module's variables alone, so that nothing has to be fetched and
// no cloud is asked.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { excerpt } from '../../../base/excerpt.ts';
import type { Manifest, ManifestParameter } from '../../../contract/manifest/schema.ts';
import { runCommand, type CommandDeps } from './command.ts';
import { describeDiagnostic, type Diagnostic } from './diagnostic.ts';
import { copyVariables, type Module, type Product } from './module/module.ts';
import { toValue, type Value } from './module/values.ts';

export interface ValuesDeps {
  readonly commands: CommandDeps;
  readonly product: Product;
  readonly module: Module;
}

/** Some values at once, as a build may get them. */
interface Trial {
  readonly what: string;
  readonly values: Readonly<Record<string, Value>>;
}

/** A tenth of a second each. */
const MOST_OPTIONS = 50;
/** In which the variables of a trial that have no value get one that says nothing. */
const REST_FILE = 'standby_rest_override.tf.json';
const VALUES_FILE = 'standby-values.tfvars.json';
/** What Terraform says of a value; whatever else it finds needs what is left out here. */
const OF_A_VALUE = new Set(['Invalid value for variable', 'Invalid value for input variable']);

/** What is refused, a sentence each; a value that several trials have is told once. */
export async function findRefusedValues(
  deps: ValuesDeps,
  manifest: Manifest,
): Promise<readonly string[]> {
  const trials = listTrials(deps.module, manifest);
  if (trials.length === 0) return [];
  const { outputFolder, folder } = deps.commands;
  const place = path.join(outputFolder, 'values');
  await copyVariables(folder, place, deps.product);
  const refused = new Map<string, string>();
  for (const trial of trials) {
    for (const diagnostic of await attempt(deps, place, trial.values)) {
      const told = tell(deps.module, trial, diagnostic);
      if (!refused.has(told)) refused.set(told, `${trial.what}: ${told}`);
    }
  }
  return [...refused.values()];
}

function listTrials(module: Module, { parameters, presets }: Manifest): readonly Trial[] {
  const declared = parameters.filter(({ name }) => module.variables.has(name));
  const most = Math.max(0, ...declared.map(({ options }) => options.length));
  const trial = (what: string, textOf: (parameter: ManifestParameter) => string | null): Trial => {
    const given = declared.flatMap((parameter): [string, Value][] => {
      const text = textOf(parameter);
      return text === null ? [] : [[parameter.name, toValue(parameter, text)]];
    });
    return { what, values: Object.fromEntries(given) };
  };
  return [
    trial('the defaults', (parameter) => parameter.default),
    ...presets.map((preset) =>
      trial(
        `the preset ${excerpt(preset.name)}`,
        (parameter) => preset.parameters[parameter.name] ?? parameter.default,
      ),
    ),
    ...Array.from({ length: Math.min(most, MOST_OPTIONS) }, (_, index) =>
      trial('the options', ({ options, default: initial }) => options[index] ?? initial),
    ),
  ].filter(({ values }) => Object.keys(values).length > 0);
}

async function attempt(
  { commands, module }: ValuesDeps,
  folder: string,
  values: Trial['values'],
): Promise<readonly Diagnostic[]> {
  const write = (name: string, content: object): Promise<void> =>
    writeFile(path.join(folder, name), JSON.stringify(content, null, 1), { mode: 0o600 });
  // A value for each line, by which it is known again.
  await write(VALUES_FILE, values);
  // Without a value for each, Terraform judges none.
  const rest = [...module.variables.values()].filter(
    ({ name, hasDefault }) => !hasDefault && !module.given.has(name) && !(name in values),
  );
  const empty = rest.map(({ name }) => ({ [name]: { default: null, nullable: true } }));
  await write(REST_FILE, empty.length === 0 ? {} : { variable: empty });
  const errors: Diagnostic[] = [];
  const args = ['plan', '-json', '-no-color', '-input=false', '-refresh=false', '-lock=false'];
  try {
    await runCommand({ ...commands, folder }, [...args, `-var-file=${VALUES_FILE}`], (event) => {
      if (event.diagnostic?.severity === 'error') errors.push(event.diagnostic);
    });
  } catch (error) {
    commands.signal.throwIfAborted();
    if (errors.length === 0) throw error;
  }
  return errors.filter(
    ({ summary, range }) => OF_A_VALUE.has(summary) && isValuesFile(range?.filename ?? ''),
  );
}

/** A rule may not hold for what stands in for a value, or for a default that no build will use. */
function isValuesFile(name: string): boolean {
  return /\.tfvars(\.json)?$/.test(name);
}

/** Its text names the place of the variable or of the rule. */
function tell(
  { variables }: Module,
  { values }: Trial,
  { range, ...diagnostic }: Diagnostic,
): string {
  if (range !== undefined && range.filename !== VALUES_FILE) {
    return describeDiagnostic({ ...diagnostic, range });
  }
  const [name = '', value = ''] = Object.entries(values)[(range?.start.line ?? 0) - 2] ?? [];
  const shown = variables.get(name)?.secret === true ? '' : ` = ${JSON.stringify(value)}`;
  const told = describeDiagnostic({ ...diagnostic, range: undefined });
  return name === '' ? told : `${name}${shown}: ${told}`;
}
