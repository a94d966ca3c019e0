// The command line's streams, as those of this process.
import type { CommandIo } from '../cli/command.ts';

const DEFAULT_COLUMNS = 80;

export function createProcessIo(): CommandIo {
  // `standby … | head` closes the pipe early: nobody reads on, so there is nothing left to do.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    throw error;
  });
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    input: () => process.stdin,
    isOutTty: process.stdout.isTTY,
    isErrTty: process.stderr.isTTY,
    columns: process.stdout.isTTY ? process.stdout.columns : DEFAULT_COLUMNS,
  };
}
