// Waiting that a person may end with Ctrl-C: nothing has failed then, it goes on without them.
import type { CommandContext, ExitStatus } from '../command.ts';
import { harmless } from '../show/harmless.ts';

/** What a shell says of a program that SIGINT ended. */
const INTERRUPTED: ExitStatus = 130;

/** Runs `work`; when an interrupt ends it, says `farewell` and gives the exit status for that. */
export async function interruptible(
  context: CommandContext,
  farewell: string,
  work: (signal: AbortSignal) => Promise<ExitStatus>,
): Promise<ExitStatus> {
  const signal = context.interrupt();
  try {
    return await work(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    context.io.err(`\n${harmless(farewell)}\n`);
    return INTERRUPTED;
  }
}
