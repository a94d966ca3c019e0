// The root module of a template: which variables it declares, and what it says of its state.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../../../../base/app-error.ts';
import {
  keepVariables,
  readDeclarations,
  readGivenNames,
  type Declaration,
} from './declaration.ts';

export interface Module {
  readonly variables: ReadonlyMap<string, Variable>;
  readonly stateSettings: readonly StateSetting[];
  /** Variables that get a value from the module's own files of values. */
  readonly given: ReadonlySet<string>;
}

export interface Variable {
  readonly name: string;
  /** File and line, for people. */
  readonly place: string;
  readonly hasDefault: boolean;
  /** Its value must not be told. */
  readonly secret: boolean;
  /** It is in no plan: an apply has to be given its value again. */
  readonly ephemeral: boolean;
}

export interface StateSetting {
  readonly kind: Exclude<Declaration['kind'], 'variable'>;
  /** Of a backend. */
  readonly name: string;
  readonly place: string;
  /** In a file that overrides others, as ours does. */
  readonly overrides: boolean;
}

/** Standby's own, by whose name it takes precedence over others: it says where the state is kept. */
export const OVERRIDE_FILE = 'standby_override.tf.json';

export type Product = 'terraform' | 'tofu';

/** Reads what the product has found valid. Throws TEMPLATE_REFUSED where it cannot be read. */
export async function readModule(folder: string, product: Product): Promise<Module> {
  const names = await listFiles(folder);
  const found = await readEach(folder, listSources(names, product), readDeclarations);
  const given = await readEach(folder, names.filter(isValues), readGivenNames);
  return {
    variables: toVariables(found),
    stateSettings: found.flatMap(({ file, item }) => toStateSetting(file, item)),
    given: new Set(given.map(({ item }) => item)),
  };
}

/** Writes what the module says of its variables to `target`, in the same files and lines. */
export async function copyVariables(
  folder: string,
  target: string,
  product: Product,
): Promise<void> {
  await mkdir(target);
  const names = await listFiles(folder);
  const write = (name: string, text: string): Promise<void> =>
    writeFile(path.join(target, name), text, { mode: 0o600 });
  const kept = await readEach(folder, listSources(names, product), (file, text) => [
    keepVariables(file, text),
  ]);
  for (const { file, item } of kept) await write(file, item);
  for (const name of names.filter(isValues)) {
    await write(name, await readFile(path.join(folder, name), 'utf8'));
  }
}

async function listFiles(folder: string): Promise<readonly string[]> {
  return (await readdir(folder, { withFileTypes: true }))
    .filter((entry) => entry.isFile() && !isIgnored(entry.name))
    .map(({ name }) => name)
    .sort();
}

interface Found<T> {
  readonly file: string;
  readonly item: T;
}

async function readEach<T>(
  folder: string,
  names: readonly string[],
  read: (file: string, text: string) => readonly T[],
): Promise<readonly Found<T>[]> {
  const found: Found<T>[] = [];
  for (const file of names) {
    const text = await readFile(path.join(folder, file), 'utf8');
    try {
      for (const item of read(file, text)) found.push({ file, item });
    } catch (error) {
      const detail = `${file} cannot be read: ${(error as Error).message}`;
      throw new AppError('TEMPLATE_REFUSED', detail, { cause: error });
    }
  }
  return found;
}

function isIgnored(name: string): boolean {
  if (name === OVERRIDE_FILE) return true;
  return name.startsWith('.') || name.endsWith('~') || (name.startsWith('#') && name.endsWith('#'));
}

/** OpenTofu takes `main.tofu` for `main.tf` where there are both. */
function listSources(names: readonly string[], product: Product): readonly string[] {
  const tofu = product === 'tofu' ? names.filter((name) => /\.tofu(\.json)?$/.test(name)) : [];
  const replaced = new Set(tofu.map((name) => name.replace(/\.tofu(\.json)?$/, '.tf$1')));
  const plain = names.filter((name) => /\.tf(\.json)?$/.test(name) && !replaced.has(name));
  return [...plain, ...tofu];
}

function isValues(name: string): boolean {
  return /^terraform\.tfvars(\.json)?$|\.auto\.tfvars(\.json)?$/.test(name);
}

function isOverride(file: string): boolean {
  return /(^|_)override\.(tf|tofu)(\.json)?$/.test(file);
}

/** An override adds to what a variable is; nothing that made it secret is forgotten for it. */
function toVariables(found: readonly Found<Declaration>[]): ReadonlyMap<string, Variable> {
  const variables = new Map<string, Variable>();
  for (const { file, item } of found) {
    if (item.kind !== 'variable') continue;
    const { name } = item;
    const earlier = variables.get(name);
    const ephemeral = isTrue(item, 'ephemeral') || earlier?.ephemeral === true;
    variables.set(name, {
      name,
      place: earlier?.place ?? placeOf(file, item),
      hasDefault: item.arguments.has('default') || earlier?.hasDefault === true,
      secret: isTrue(item, 'sensitive') || ephemeral || earlier?.secret === true,
      ephemeral,
    });
  }
  return variables;
}

/** It may be written as text too. */
function isTrue(item: Declaration, argument: string): boolean {
  return ['true', '"true"'].includes(item.arguments.get(argument) ?? '');
}

function toStateSetting(file: string, item: Declaration): readonly StateSetting[] {
  const { kind, name } = item;
  if (kind === 'variable') return [];
  return [{ kind, name, place: placeOf(file, item), overrides: isOverride(file) }];
}

function placeOf(file: string, { line }: Declaration): string {
  return line === null ? file : `${file}:${line}`;
}
