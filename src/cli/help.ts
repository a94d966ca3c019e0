// Help for the program and for groups of commands; a command's own help comes from its data.
import type { Command } from './command.ts';
import { nextWords } from './invocation.ts';

/** The commands of `group` ('' for the program), which must be loaded for their summaries. */
export function renderGroupHelp(group: string, commands: readonly Command[]): string {
  return [
    `Usage: standby ${prefixOf(group)}<command> [options]`,
    '',
    ...(group === '' ? ['Keeps pools of prebuilt workspaces warm.', ''] : []),
    renderCommands(group, commands),
  ].join('\n');
}

/** The list alone, as it follows the help of a command that is a group too. */
export function renderCommands(group: string, commands: readonly Command[]): string {
  const prefix = prefixOf(group);
  const names = commands.map((command) => command.name);
  const words = nextWords(names, group);
  const width = Math.max(...words.map((word) => word.length));
  const lines = words.map((word) => {
    const command = commands.find(({ name }) => name === prefix + word);
    const inside = nextWords(names, prefix + word).join(', ');
    return `  ${word.padEnd(width)}  ${command?.summary ?? inside}`;
  });
  return [
    'Commands:',
    ...lines,
    '',
    `\`standby ${prefix}<command> --help\` tells more about one.`,
    '',
  ].join('\n');
}

function prefixOf(group: string): string {
  return group === '' ? '' : `${group} `;
}
