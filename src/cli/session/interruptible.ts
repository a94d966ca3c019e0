// Waiting that a person may end with Ctrl-C: nothing has failed then.
import type { CommandContext, ExitStatus } from '../command.ts';
import { harmless } from '../show/harmless.ts';

/** What a shell says of a program that SIGINT ended. */
const INTERRUPTED: ExitStatus = 130;

/** What is said to who interrupts, or what is done first to be able to say it. */
export type Farewell = string | (() => string | Promise<string>);

/** Runs `work`; when an interrupt ends it, says `farewell` and gives the exit status for that. */
export async function interruptible(
  context: CommandContext,
  farewell: Farewell,
  work: (signal: AbortSignal) => Promise<ExitStatus>,
): Promise<ExitStatus> {
  const signal = context.interrupt();
  try {
    return await work(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    const said = typeof farewell === 'string' ? farewell : await farewell();
    context.io.err(`\n${harmless(said)}\n`);
    return INTERRUPTED;
  }
}
