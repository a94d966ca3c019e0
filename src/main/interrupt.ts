// SIGINT and SIGTERM as an abort signal, for commands that end in an orderly way.
import { StopCause } from '../base/service.ts';

const SIGNALS = { SIGINT: 2, SIGTERM: 15 } as const;

let controller: AbortController | undefined;

/** From the first call on: the first signal aborts, a second one ends the process at once. */
export function catchInterrupts(): AbortSignal {
  controller ??= listen();
  return controller.signal;
}

/** Does what a signal would; false when nobody listens for one. */
export function interrupt(cause: string): boolean {
  controller?.abort(new StopCause(cause));
  return controller !== undefined;
}

function listen(): AbortController {
  const created = new AbortController();
  for (const [name, number] of Object.entries(SIGNALS)) {
    process.on(name, () => {
      if (created.signal.aborted) process.exit(128 + number);
      created.abort(new StopCause(name));
    });
  }
  return created;
}
