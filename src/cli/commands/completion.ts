// `standby completion`: prints a script that teaches a shell the commands and options.
import { defineCommand } from '../command.ts';
import { renderBash } from '../completion/bash.ts';
import { renderFish } from '../completion/fish.ts';
import { renderZsh } from '../completion/zsh.ts';
import { listNodes } from '../completion/words.ts';

const RENDERERS = { bash: renderBash, zsh: renderZsh, fish: renderFish } as const;

export const command = defineCommand({
  name: 'completion',
  summary: 'print a completion script for a shell',
  arguments: {
    shell: { summary: 'the shell', choices: ['bash', 'zsh', 'fish'] },
  },
  options: {},
  examples: ['source <(standby completion bash)', 'standby completion fish | source'],
  run: async (context, { shell }) => {
    context.io.out(RENDERERS[shell](listNodes(await context.loadCommands())));
    return 0;
  },
});
