// The command line's streams, as those of this process.
import { isatty } from 'node:tty';
import { AppError } from '../base/app-error.ts';
import type { CommandIo } from '../cli/command.ts';
import { interrupt } from './interrupt.ts';

const DEFAULT_COLUMNS = 80;

/** `onUnwritable` is told that standard output cannot be written, and has to end the process. */
export function createProcessIo(onUnwritable: (error: AppError) => never): CommandIo {
  process.stdout.on('error', (cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EPIPE') {
      const detail = `standard output cannot be written: ${cause.message}`;
      onUnwritable(new AppError('FILE_UNWRITABLE', detail, { cause }));
    }
    // `standby … | head` closes the pipe early: nobody reads on, so there is nothing left to do.
    if (!interrupt('nobody reads the output')) process.exit();
  });
  // Whoever does not read it cannot be told so.
  process.stderr.on('error', () => undefined);
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    input: () => process.stdin,
    isOutTty: isatty(process.stdout.fd),
    isErrTty: isatty(process.stderr.fd),
    columns: process.stdout.isTTY ? process.stdout.columns : DEFAULT_COLUMNS,
  };
}
