// Every command there is. One line each: a command's module is loaded when it is invoked.
import type { CommandTable } from '../cli/command.ts';

export const COMMAND_TABLE: CommandTable = {
  completion: () => import('../cli/commands/completion.ts'),
  down: () => import('./commands/down.ts'),
  plan: () => import('../cli/commands/plan.ts'),
  'template init': () => import('../cli/commands/template/init.ts'),
  'template validate': () => import('../cli/commands/template/validate.ts'),
  up: () => import('./commands/up.ts'),
};
