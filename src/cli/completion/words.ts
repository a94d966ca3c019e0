// What a shell may offer, from the commands' data: one node per beginning of a command.
import type { ArgumentSpec, Command, OptionSpec } from '../command.ts';
import { nextWords } from '../invocation.ts';
import { flagName, GLOBAL_OPTIONS } from '../parse.ts';

export interface Node {
  /** The words typed so far: '' or 'template' or 'template push'. */
  readonly path: string;
  readonly words: readonly { readonly word: string; readonly summary: string }[];
  readonly options: readonly OptionWord[];
  /** Values of the first argument, where these are known. */
  readonly choices: readonly string[];
}

export interface OptionWord {
  readonly flag: string;
  readonly summary: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
}

export function listNodes(commands: readonly Command[]): readonly Node[] {
  const names = commands.map((command) => command.name);
  const groups = new Set(['']);
  for (const name of names) {
    const words = name.split(' ');
    for (let end = 1; end < words.length; end += 1) groups.add(words.slice(0, end).join(' '));
  }
  const inner = [...groups].map((path): Node => {
    const prefix = path === '' ? '' : `${path} `;
    const words = nextWords(names, path).map((word) => {
      const command = commands.find(({ name }) => name === prefix + word);
      return { word, summary: command?.summary ?? nextWords(names, prefix + word).join(', ') };
    });
    // A group may be a command as well, with options of its own.
    const own = commands.find(({ name }) => name === path)?.options;
    return { path, words, options: optionWords(own ?? {}), choices: [] };
  });
  return [...inner, ...commands.filter(({ name }) => !groups.has(name)).map(leaf)];
}

function leaf(command: Command): Node {
  const first: ArgumentSpec | undefined = Object.values(command.arguments)[0];
  return {
    path: command.name,
    words: [],
    options: optionWords(command.options),
    choices: first?.choices ?? [],
  };
}

function optionWords(own: Command['options']): readonly OptionWord[] {
  const words = Object.entries<OptionSpec>({ ...own, ...GLOBAL_OPTIONS }).map(
    ([key, spec]): OptionWord => ({
      flag: flagName(key),
      summary: spec.summary,
      takesValue: spec.kind !== 'flag',
      choices: spec.kind === 'text' ? (spec.choices ?? []) : [],
    }),
  );
  return [...words, { flag: '--help', summary: 'show help', takesValue: false, choices: [] }];
}
