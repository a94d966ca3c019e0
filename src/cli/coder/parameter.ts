// A `coder_parameter`, as a parameter of standby.yaml.
import { UNKNOWN, isKnown, type HclValue } from '../../hcl/evaluate.ts';
import type { Block } from '../../hcl/read-hcl.ts';
import { attributeOf, blocksOf, type CoderModule, type Note, type PlacedBlock } from './module.ts';

export interface ImportedParameter {
  readonly name: string;
  readonly type?: 'number' | 'bool';
  readonly description?: string;
  readonly default?: string;
  readonly options?: readonly string[];
  readonly mutable?: true;
}

export interface Converted<T> {
  readonly value: T;
  readonly notes: readonly Note[];
}

/** What people see in Coder's own pages. */
const LOOKS = ['display_name', 'icon', 'order', 'form_type', 'styling'];
const MAX_DESCRIPTION = 1_000;

export function convertParameter(
  module: CoderModule,
  { file, block }: PlacedBlock,
): Converted<ImportedParameter> {
  const notes: Note[] = [];
  const given = textOf(module.valueOf(block, 'name')) ?? block.labels[1] ?? '';
  const name = identifierOf(given);
  const note = (line: number, message: string): void => {
    notes.push({ file, line, message: `parameter ${name}: ${message}` });
  };
  const lineOf = (attribute: string): number => attributeOf(block, attribute)?.line ?? block.line;

  if (name !== given) note(lineOf('name'), `it was called ${JSON.stringify(given)} at Coder`);
  const type = convertType(module.valueOf(block, 'type'), (message) =>
    note(lineOf('type'), message),
  );
  const described = textOf(module.valueOf(block, 'description'))?.trim();
  if (attributeOf(block, 'description') !== undefined && described === undefined) {
    note(lineOf('description'), 'its description is computed');
  }
  if ((described?.length ?? 0) > MAX_DESCRIPTION) {
    note(lineOf('description'), `its description was cut to ${MAX_DESCRIPTION} characters`);
  }
  const value = module.valueOf(block, 'default');
  const initial = textOf(value);
  if (value !== undefined && value !== null && initial === undefined) {
    note(
      lineOf('default'),
      'its default is computed: without one, each preset and request must give a value',
    );
  }
  const looks = LOOKS.flatMap((look) => attributeOf(block, look) ?? []);
  const [firstLook] = looks;
  if (firstLook !== undefined) {
    note(
      firstLook.line,
      `${looks.map((one) => one.name).join(', ')}: Standby shows the name and the description`,
    );
  }
  if (module.valueOf(block, 'ephemeral') === true) {
    note(lineOf('ephemeral'), 'ephemeral: a value lasts until it is changed');
  }
  for (const meta of ['count', 'for_each']) {
    if (attributeOf(block, meta) !== undefined) {
      note(lineOf(meta), `${meta}: it is there always, whatever others say`);
    }
  }
  for (const one of blocksOf(block, 'validation')) {
    note(
      one.line,
      'its validation: let the variable have one (`validation` in Terraform), or list `options`',
    );
  }
  return {
    value: {
      name,
      ...(type === 'string' ? {} : { type }),
      ...(described === undefined || described === ''
        ? {}
        : { description: described.slice(0, MAX_DESCRIPTION) }),
      ...(initial === undefined ? {} : { default: initial }),
      ...convertOptions(module, block, note),
      ...(module.valueOf(block, 'mutable') === true ? { mutable: true } : {}),
    },
    notes,
  };
}

/** Of a text, number or bool; undefined for what has none. */
export function textOf(value: HclValue | undefined): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return undefined;
}

/** A name that variables of Terraform may have, and parameters of Standby. */
export function identifierOf(name: string): string {
  const letters = name
    .normalize('NFKD')
    .replaceAll(/[^A-Za-z0-9_-]+/g, '_')
    .slice(0, 60);
  return /^(?![Ss][Tt][Aa][Nn][Dd][Bb][Yy])[A-Za-z_]/.test(letters) ? letters : `p_${letters}`;
}

function convertType(
  value: HclValue | undefined,
  note: (message: string) => void,
): 'string' | 'number' | 'bool' {
  if (value === undefined || value === null || value === 'string') return 'string';
  if (value === 'number' || value === 'bool') return value;
  const written = typeof value === 'string' ? value : 'computed';
  note(`its type is ${written}: its values are texts, for the module to decode (jsondecode)`);
  return 'string';
}

function convertOptions(
  module: CoderModule,
  block: Block,
  note: (line: number, message: string) => void,
): { readonly options?: readonly string[] } {
  for (const dynamic of blocksOf(block, 'dynamic')) {
    note(dynamic.line, `${dynamic.labels[0] ?? ''} blocks that are computed: any value is allowed`);
  }
  const options = blocksOf(block, 'option');
  if (blocksOf(block, 'dynamic').length > 0 || options.length === 0) return {};
  const values = options.map((option) => module.valueOf(option, 'value') ?? UNKNOWN);
  const [first] = options;
  if (!values.every((value) => isKnown(value) && textOf(value) !== undefined)) {
    note(first?.line ?? block.line, 'options whose values are computed: any value is allowed');
    return {};
  }
  const texts = values.flatMap((value) => textOf(value) ?? []);
  const named = options.find((option, at) => textOf(module.valueOf(option, 'name')) !== texts[at]);
  if (named !== undefined)
    note(named.line, 'names, icons and descriptions of its options: people choose by value');
  return { options: [...new Set(texts)] };
}
