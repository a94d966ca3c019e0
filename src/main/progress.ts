// What `standby up` says while it starts: one line a step, to people; the log goes to a file.
import type { CommandIo } from '../../cli/command.ts';

export interface Progress {
  /** A step that is done, and how it ended. */
  done(step: string, how: string): void;
  /** Something is under way; the same text twice is said once. */
  busy(step: string, how: string): void;
  /** Something a person should know. */
  note(text: string): void;
}

const STEP_WIDTH = 15;

export function createProgress(io: Pick<CommandIo, 'err'>): Progress {
  let last = '';
  const say = (line: string): void => {
    if (line !== last) io.err(`${line}\n`);
    last = line;
  };
  return {
    done: (step, how) => say(`  ✓ ${step.padEnd(STEP_WIDTH)} ${how}`),
    busy: (step, how) => say(`  … ${step.padEnd(STEP_WIDTH)} ${how}`),
    note: (text) => say(`  ! ${text}`),
  };
}
