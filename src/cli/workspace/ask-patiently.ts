// Asking for what would be left half done otherwise, for minutes while no server answers.
import { toAppError } from '../../base/app-error.ts';
import { patiently } from '../../client/insist.ts';
import type { CommandContext } from '../command.ts';
import { createProgress } from '../show/progress.ts';

/** `isRepeated`: the server may have done it before, and its answer was lost. */
export async function askPatiently<T>(
  context: CommandContext,
  signal: AbortSignal,
  ask: (isRepeated: boolean) => Promise<T>,
): Promise<T> {
  const progress = createProgress(context);
  let isRepeated = false;
  const untilAnswered = patiently(context.kit, {
    signal,
    onAway: (error) => {
      isRepeated = true;
      progress.say(`Asking again; ${toAppError(error).detail}`);
    },
  });
  try {
    return await untilAnswered(() => ask(isRepeated));
  } finally {
    progress.clear();
  }
}
