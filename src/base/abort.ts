// What AbortSignal leaves out.

/** The reason of an end that nobody asks about: to abort without one makes one each time, with a stack trace. */
export const OVER = new Error('it is over');

/** A function, because the compiler believes that a signal once seen unaborted stays so. */
export function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** Resolves when the signal is aborted. */
export function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
