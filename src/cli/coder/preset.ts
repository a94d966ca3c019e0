// A `coder_workspace_preset` with its prebuilds, as a preset of standby.yaml.
import { formatDuration } from '../../base/duration.ts';
import type { HclValue } from '../../hcl/evaluate.ts';
import type { Block } from '../../hcl/read-hcl.ts';
import { attributeOf, blocksOf, type CoderModule, type Note, type PlacedBlock } from './module.ts';
import { identifierOf, textOf, type Converted } from './parameter.ts';

export interface ImportedPreset {
  readonly name: string;
  readonly description?: string;
  readonly default?: true;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly prebuilds?: ImportedPrebuilds;
}

interface ImportedPrebuilds {
  readonly instances: number;
  readonly ttl?: string;
  readonly scheduling?: {
    readonly timezone: string;
    readonly schedules: readonly { readonly cron: string; readonly instances: number }[];
  };
}

type Tell = (line: number, message: string) => void;

const MIN_TTL_SECONDS = 60;
const MAX_DESCRIPTION = 128;

/** `taken` are names of other presets; undefined where not even the name is written out. */
export function convertPreset(
  module: CoderModule,
  { file, block }: PlacedBlock,
  taken: ReadonlySet<string>,
): Converted<ImportedPreset | undefined> {
  const notes: Note[] = [];
  const given = textOf(module.valueOf(block, 'name'));
  const label = given ?? block.labels[1] ?? '';
  const note: Tell = (line, message) => {
    notes.push({ file, line, message: `preset ${JSON.stringify(label)}: ${message}` });
  };
  const many = attributeOf(block, 'for_each') ?? attributeOf(block, 'count');
  if (given === undefined || many !== undefined) {
    note(many?.line ?? block.line, 'it is computed, one or many: write out each that you want');
    return { value: undefined, notes };
  }
  const name = uniqueName(given, taken);
  if (name !== given)
    note(attributeOf(block, 'name')?.line ?? block.line, `it is called ${name} here`);
  const icon = attributeOf(block, 'icon');
  if (icon !== undefined) note(icon.line, 'icon: Standby shows the name and the description');
  const described =
    textOf(module.valueOf(block, 'description'))?.trim() ?? (name === given ? '' : given);
  if (described.length > MAX_DESCRIPTION) {
    note(block.line, `its description was cut to ${MAX_DESCRIPTION} characters`);
  }
  const parameters = convertValues(module, block, note);
  const [prebuilds] = blocksOf(block, 'prebuilds');
  const converted = prebuilds && convertPrebuilds(module, prebuilds, note);
  return {
    value: {
      name,
      ...(described === '' ? {} : { description: described.slice(0, MAX_DESCRIPTION) }),
      ...(module.valueOf(block, 'default') === true ? { default: true } : {}),
      ...(Object.keys(parameters).length === 0 ? {} : { parameters }),
      ...(converted === undefined ? {} : { prebuilds: converted }),
    },
    notes,
  };
}

function convertValues(
  module: CoderModule,
  block: Block,
  note: Tell,
): Readonly<Record<string, string>> {
  const attribute = attributeOf(block, 'parameters');
  if (attribute === undefined) return {};
  const values = module.valueOf(block, 'parameters');
  if (!(values instanceof Map)) {
    note(attribute.line, 'its parameters are computed: write out the values');
    return {};
  }
  const known: [string, string][] = [];
  for (const [name, value] of values as ReadonlyMap<string, HclValue>) {
    const text = textOf(value);
    if (text === undefined) note(attribute.line, `the value of ${name} is computed: write it out`);
    else known.push([identifierOf(name), text]);
  }
  return Object.fromEntries(known);
}

function convertPrebuilds(
  module: CoderModule,
  block: Block,
  note: Tell,
): ImportedPrebuilds | undefined {
  const instances = countOf(module.valueOf(block, 'instances'));
  if (instances === undefined) {
    note(
      block.line,
      'prebuilds: how many is computed, so there is no pool; write `prebuilds: {instances: …}`',
    );
    return undefined;
  }
  const [expiration] = blocksOf(block, 'expiration_policy');
  const [scheduling] = blocksOf(block, 'scheduling');
  const ttl = expiration && convertTtl(module, expiration, note);
  const converted = scheduling && convertScheduling(module, scheduling, note);
  return {
    instances,
    ...(ttl === undefined ? {} : { ttl }),
    ...(converted === undefined ? {} : { scheduling: converted }),
  };
}

function convertTtl(module: CoderModule, block: Block, note: Tell): string | undefined {
  const seconds = countOf(module.valueOf(block, 'ttl'));
  if (seconds === undefined) {
    note(block.line, 'expiration_policy: its ttl is computed, so prebuilds do not expire');
    return undefined;
  }
  if (seconds === 0) return undefined;
  if (seconds < MIN_TTL_SECONDS)
    note(block.line, `a ttl of ${seconds} s is too short: it is 1m here`);
  return formatDuration(Math.max(seconds, MIN_TTL_SECONDS) * 1_000);
}

function convertScheduling(
  module: CoderModule,
  block: Block,
  note: Tell,
): ImportedPrebuilds['scheduling'] {
  const timezone = textOf(module.valueOf(block, 'timezone'));
  const schedules = blocksOf(block, 'schedule').flatMap((schedule) => {
    const cron = textOf(module.valueOf(schedule, 'cron'));
    const instances = countOf(module.valueOf(schedule, 'instances'));
    if (cron !== undefined && instances !== undefined) return [{ cron, instances }];
    note(schedule.line, 'a schedule that is computed: write it out');
    return [];
  });
  for (const dynamic of blocksOf(block, 'dynamic')) {
    note(dynamic.line, 'schedules that are computed: write them out');
  }
  if (timezone === undefined)
    note(block.line, 'scheduling: its timezone is computed; write it out');
  return timezone === undefined || schedules.length === 0 ? undefined : { timezone, schedules };
}

function countOf(value: HclValue | undefined): number | undefined {
  const text = textOf(value);
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

function uniqueName(given: string, taken: ReadonlySet<string>): string {
  const letters = given
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-');
  const base = letters.slice(0, 58).replaceAll(/^-+|-+$/g, '') || 'preset';
  for (let number = 1; ; number++) {
    const name = number === 1 ? base : `${base}-${number}`;
    // `none` is how people ask for no preset.
    if (!taken.has(name) && name !== 'none') return name;
  }
}
