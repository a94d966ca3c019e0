// What goes on, on standard error: one line that changes on a terminal, a line per change elsewhere,
// and nothing with --json.
import type { CommandContext } from '../command.ts';
import { harmless } from './harmless.ts';

export interface Progress {
  /** What is going on now. */
  say(text: string): void;
  /** A line that stays. */
  keep(text: string): void;
  /** Takes the changing line away. */
  clear(): void;
}

/** For how long answers may be held back while something is waited for: on a terminal the seconds are counted. */
export function heldBackMs({ isErrTty }: Pick<CommandContext['io'], 'isErrTty'>): number {
  return isErrTty ? 1_000 : 30_000;
}

const ERASE_LINE = '\r\u001b[2K';
const LEAST_COLUMNS = 20;

export function createProgress({ io, globals }: CommandContext): Progress {
  if (globals.json) return { say: () => undefined, keep: () => undefined, clear: () => undefined };
  let shown = '';
  const clear = (): void => {
    if (io.isErrTty && shown !== '') io.err(ERASE_LINE);
    shown = '';
  };
  return {
    say: (text) => {
      // A line longer than the terminal is wide could not be erased whole.
      const line = harmless(text).slice(0, Math.max(LEAST_COLUMNS, io.columns - 1));
      if (line === shown) return;
      io.err(io.isErrTty ? ERASE_LINE + line : `${line}\n`);
      shown = line;
    },
    keep: (text) => {
      clear();
      io.err(`${harmless(text)}\n`);
    },
    clear,
  };
}
