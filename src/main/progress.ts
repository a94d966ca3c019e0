// What a program says while it starts: `up` one line a step to people, services into their log, and
// nobody with --json.
import type { Log } from '../base/log.ts';
import type { CommandContext } from '../cli/command.ts';
import { harmless } from '../cli/show/harmless.ts';

export interface Progress {
  /** A step that is done, and how it ended. */
  done(step: string, how: string): void;
  /** Something is under way; the same text twice is said once. */
  busy(step: string, how: string): void;
  /** Something a person should know. */
  note(text: string): void;
}

const STEP_WIDTH = 15;

export function createProgress({ io, globals }: Pick<CommandContext, 'io' | 'globals'>): Progress {
  if (globals.json) return { done: () => undefined, busy: () => undefined, note: () => undefined };
  let last = '';
  const say = (line: string): void => {
    if (line !== last) io.err(`${harmless(line)}\n`);
    last = line;
  };
  return {
    done: (step, how) => say(`  ✓ ${step.padEnd(STEP_WIDTH)} ${how}`),
    busy: (step, how) => say(`  … ${step.padEnd(STEP_WIDTH)} ${how}`),
    note: (text) => say(`  ! ${text}`),
  };
}

export function createLoggedProgress(log: Log): Progress {
  return {
    done: (step, how) => log.info('start.step_done', { step, how }),
    busy: (step, how) => log.info('start.step_begun', { step, how }),
    note: (text) => log.warn('start.noted', { text }),
  };
}
