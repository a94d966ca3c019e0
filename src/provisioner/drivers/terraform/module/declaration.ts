// What one file of a module declares, as far as it matters to Standby: variables, and settings that
// say where Terraform keeps its state.
import { readHcl, type Block, type Body } from '../../../../hcl/read-hcl.ts';

export interface Declaration {
  readonly kind: 'variable' | 'backend' | 'cloud' | 'encryption';
  /** Of the variable, or the kind of backend; else ''. */
  readonly name: string;
  /** Null in JSON. */
  readonly line: number | null;
  /** Of a variable: its arguments, as they are written. */
  readonly arguments: ReadonlyMap<string, string>;
}

const STATE_SETTINGS = ['backend', 'cloud', 'encryption'] as const;

/** Throws an Error that names the line. */
export function readDeclarations(file: string, text: string): readonly Declaration[] {
  return file.endsWith('.json') ? readJson(JSON.parse(text)) : readBlocks(readHcl(text));
}

/** The names that a file of values (`terraform.tfvars`) gives values to. */
export function readGivenNames(file: string, text: string): readonly string[] {
  if (file.endsWith('.json')) return Object.keys(toRecord(JSON.parse(text)));
  return readHcl(text).attributes.map(({ name }) => name);
}

/** The same file with its variables alone, in the same lines; '' where there are none. */
export function keepVariables(file: string, text: string): string {
  if (file.endsWith('.json')) {
    const kept = toRecords(JSON.parse(text)).filter((top) => Object.hasOwn(top, 'variable'));
    return JSON.stringify(kept.map(({ variable }) => ({ variable })));
  }
  const variables = readHcl(text).blocks.filter(({ type }) => type === 'variable');
  const isKept = (line: number): boolean =>
    variables.some((block) => line >= block.line && line <= block.lastLine);
  return text
    .split('\n')
    .map((line, index) => (isKept(index + 1) ? line : ''))
    .join('\n');
}

function readBlocks({ blocks }: Body): readonly Declaration[] {
  return blocks.flatMap((block): readonly Declaration[] => {
    if (block.type === 'variable') return [toDeclaration('variable', block)];
    if (block.type !== 'terraform') return [];
    return block.body.blocks.flatMap((inner) => {
      const kind = STATE_SETTINGS.find((known) => known === inner.type);
      return kind === undefined ? [] : [toDeclaration(kind, inner)];
    });
  });
}

function toDeclaration(kind: Declaration['kind'], { labels, line, body }: Block): Declaration {
  const given = new Map(body.attributes.map(({ name, text }) => [name, text]));
  return { kind, name: labels[0] ?? '', line, arguments: given };
}

/** Wherever the language has a block, its JSON has an object or a list of objects. */
function readJson(document: unknown): readonly Declaration[] {
  return toRecords(document).flatMap((top) => [
    ...toRecords(top['variable']).flatMap((variables) =>
      Object.entries(variables).map(([name, value]): Declaration => {
        const given = toRecords(value).flatMap((one) => Object.entries(one));
        const texts = given.map(([key, text]): [string, string] => [key, JSON.stringify(text)]);
        return { kind: 'variable', name, line: null, arguments: new Map(texts) };
      }),
    ),
    ...toRecords(top['terraform']).flatMap(readJsonSettings),
  ]);
}

function readJsonSettings(settings: Readonly<Record<string, unknown>>): readonly Declaration[] {
  return STATE_SETTINGS.flatMap((kind) => {
    if (!Object.hasOwn(settings, kind)) return [];
    const names = kind === 'backend' ? Object.keys(toRecord(settings[kind])) : [''];
    return names.map((name): Declaration => ({ kind, name, line: null, arguments: new Map() }));
  });
}

function toRecords(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.map(toRecord) : [toRecord(value)];
}

function toRecord(value: unknown): Readonly<Record<string, unknown>> {
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isRecord ? (value as Readonly<Record<string, unknown>>) : {};
}
