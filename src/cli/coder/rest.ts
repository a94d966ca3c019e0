// What else a Coder template has of Coder's own, and what takes its place in a template of Standby.
import { attributeOf, blocksOf, type CoderModule, type Note, type PlacedBlock } from './module.ts';
import { textOf } from './parameter.ts';

const AGENT =
  'name the agent in `agents` of standby.yaml, its startup_script as a file; see docs/agent.md';
const NOTHING = 'Standby has nothing of the kind';

/** By the type of data or a resource. */
const ADVICE: Readonly<Record<string, string>> = {
  coder_workspace:
    'use the variables standby_workspace_id, standby_name, standby_start_count and standby_is_prebuild',
  coder_workspace_owner: 'use the variables standby_owner and standby_owner_email',
  coder_provisioner: 'name what the daemon needs in `tags`',
  coder_task: NOTHING,
  coder_external_auth: `${NOTHING}; a \`sensitive\` parameter can hold a token`,
  coder_agent: AGENT,
  coder_agent_instance: AGENT,
  coder_script: 'add it to the script of the agent: `startup`, or `on_claim` for each new owner',
  coder_env: 'set it where the agent is started',
  coder_app: 'give its address in the output `standby`',
  coder_metadata: 'give what people need in the output `standby`',
  coder_devcontainer: NOTHING,
  coder_ai_task: NOTHING,
};

/** What parameters and presets become is told elsewhere. */
const CONVERTED = new Set(['coder_parameter', 'coder_workspace_preset', 'coder_workspace_tags']);

export function noteRest({ blocks, unread, ...module }: CoderModule): readonly Note[] {
  return [
    ...blocks.flatMap((placed) => noteBlock({ blocks, unread, ...module }, placed)),
    ...unread.map((file) => ({ file, line: 1, message: 'it was not read: only *.tf is' })),
  ];
}

function noteBlock(module: CoderModule, { file, block }: PlacedBlock): readonly Note[] {
  const [type = '', name = ''] = block.labels;
  const note = (message: string, line = block.line): Note => ({ file, line, message });
  switch (block.type) {
    case 'data':
    case 'resource': {
      if (!type.startsWith('coder_') || CONVERTED.has(type)) return [];
      return [note(`${type} "${name}": ${ADVICE[type] ?? NOTHING}`)];
    }
    case 'variable':
      if (attributeOf(block, 'default') !== undefined) return [];
      return [
        note(
          `variable "${type}" has no default: add one, or a parameter of its name to standby.yaml`,
        ),
      ];
    case 'provider':
      return type === 'coder'
        ? [note('provider "coder": take it out with the last of its blocks')]
        : [];
    case 'module': {
      const source = textOf(module.valueOf(block, 'source')) ?? '';
      const isCoders = source.includes('coder');
      return isCoders
        ? [note(`module "${type}" is made for Coder: install what it does by a script`)]
        : [];
    }
    case 'terraform':
      return blocksOf(block, 'required_providers').flatMap(({ body }) =>
        body.attributes
          .filter(({ name: provider }) => provider === 'coder')
          .map(({ line }) =>
            note('provider coder/coder: take it out with the last of its blocks', line),
          ),
      );
    default:
      return [];
  }
}
