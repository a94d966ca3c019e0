// A Coder template as a manifest of Standby: parameters, presets, pools and tags, and what is left.
import { stringify } from 'yaml';
import type { ManifestIssue } from '../../contract/manifest/issue.ts';
import { parseManifest } from '../../contract/manifest/parse.ts';
import type { HclValue } from '../../hcl/evaluate.ts';
import type { CoderModule, Note, PlacedBlock } from './module.ts';
import { convertParameter, textOf, type ImportedParameter } from './parameter.ts';
import { convertPreset, type ImportedPreset } from './preset.ts';
import { noteRest } from './rest.ts';

export interface Imported {
  readonly manifest: string;
  readonly parameters: readonly ImportedParameter[];
  readonly presets: readonly ImportedPreset[];
  /** What could not be carried over, by file and line. */
  readonly notes: readonly Note[];
  /** What a push would refuse of the manifest as it is. */
  readonly issues: readonly ManifestIssue[];
}

const HEAD = '# From a Coder template, by `standby template import-coder`.\n';
/** A description is one line of the text, however long. */
const STYLE = { lineWidth: 0 };

export function convertModule(module: CoderModule, name: string): Imported {
  const notes: Note[] = [];
  const parameters = dataOf(module, 'coder_parameter').map((placed) => {
    const converted = convertParameter(module, placed);
    notes.push(...converted.notes, variableNote(placed, converted.value));
    return converted.value;
  });
  const presets: ImportedPreset[] = [];
  for (const placed of dataOf(module, 'coder_workspace_preset')) {
    const taken = new Set(presets.map((preset) => preset.name));
    const converted = convertPreset(module, placed, taken);
    notes.push(...converted.notes);
    if (converted.value !== undefined) presets.push(converted.value);
  }
  const tags = convertTags(module, notes);
  const document = {
    name,
    driver: 'terraform',
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(presets.length === 0 ? {} : { presets }),
    ...(Object.keys(tags).length === 0 ? {} : { tags }),
  };
  const manifest = HEAD + stringify(document, STYLE);
  const parsed = parseManifest(manifest);
  return {
    manifest,
    parameters,
    presets,
    notes: sortNotes([...notes, ...noteRest(module)]),
    issues: parsed.kind === 'valid' ? [] : parsed.issues,
  };
}

function dataOf({ blocks }: CoderModule, type: string): readonly PlacedBlock[] {
  return blocks.filter(({ block }) => block.type === 'data' && block.labels[0] === type);
}

/** Parameters of Standby reach a module as variables. */
function variableNote({ file, block }: PlacedBlock, parameter: ImportedParameter): Note {
  const { name } = parameter;
  const type = parameter.type ?? 'string';
  const [, label = ''] = block.labels;
  const message = `parameter ${name}: declare variable "${name}" { type = ${type} } and write var.${name} for data.coder_parameter.${label}.value`;
  return { file, line: block.line, message };
}

function convertTags(module: CoderModule, notes: Note[]): Readonly<Record<string, string>> {
  const tags: [string, string][] = [];
  for (const { file, block } of dataOf(module, 'coder_workspace_tags')) {
    const values = module.valueOf(block, 'tags');
    const entries = values instanceof Map ? [...(values as ReadonlyMap<string, HclValue>)] : [];
    const known = entries.flatMap(([tag, value]): [string, string][] => {
      const text = textOf(value);
      return text === undefined ? [] : [[tag, text]];
    });
    tags.push(...known);
    if (!(values instanceof Map) || known.length < entries.length) {
      const message =
        'coder_workspace_tags: tags that are computed; those of Standby are the template’s';
      notes.push({ file, line: block.line, message });
    }
  }
  return Object.fromEntries(tags);
}

function sortNotes(notes: readonly Note[]): readonly Note[] {
  return notes.toSorted((one, other) =>
    one.file === other.file ? one.line - other.line : one.file < other.file ? -1 : 1,
  );
}
