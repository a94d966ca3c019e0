// Every command there is. One line each: a command's module is loaded when it is invoked.
import type { CommandTable } from '../cli/command.ts';

export const COMMAND_TABLE: CommandTable = {
  completion: () => import('../cli/commands/completion.ts'),
  plan: () => import('../cli/commands/plan.ts'),
  down: () => import('./commands/down.ts'),
  up: () => import('./commands/up.ts'),
};
