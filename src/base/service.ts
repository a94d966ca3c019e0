// One lifecycle for every loop, listener and server: start, stop with a deadline, tolerant of both twice.
import { setMaxListeners } from 'node:events';
import { OVER } from './abort.ts';
import type { Clock } from './clock.ts';

export interface Service {
  readonly name: string;
  /** Runs the service's start once; a second call, or one after stop, does nothing. */
  start(): Promise<void>;
  /** Aborts the service with `cause` and waits for it, at most `deadlineMs`. Later calls wait for the first. */
  stop(cause: string, deadlineMs: number): Promise<StopResult>;
}

export type StopResult = 'stopped' | 'deadline';

export interface ServiceBody {
  readonly name: string;
  /** Resolves when the service can be used. What goes on afterwards is registered with `background`. */
  start(scope: ServiceScope): Promise<void>;
  /** Releases what start acquired; runs after the signal was aborted. */
  stop?(): Promise<void>;
}

export interface ServiceScope {
  readonly signal: AbortSignal;
  /** Registers work that stop waits for. It must not reject: report errors where they happen. */
  readonly background: (work: Promise<void>) => void;
}

export function createService(clock: Clock, body: ServiceBody): Service {
  const controller = new AbortController();
  // All that a service does may listen; node takes more than ten for a leak, and says so on standard error.
  setMaxListeners(0, controller.signal);
  const tasks = new Set<Promise<void>>();
  let starting: Promise<void> | undefined;
  let stopping: Promise<void> | undefined;

  const background = (work: Promise<void>): void => {
    const tracked = work.finally(() => tasks.delete(tracked));
    tasks.add(tracked);
  };

  const finish = async (): Promise<void> => {
    // A failed start is reported to its caller; stopping must still release what it acquired.
    await starting?.catch(() => undefined);
    while (tasks.size > 0) await Promise.allSettled(tasks);
    if (starting !== undefined) await body.stop?.();
  };

  return {
    name: body.name,
    start: () => {
      if (stopping !== undefined) return Promise.resolve();
      starting ??= body.start({ signal: controller.signal, background });
      return starting;
    },
    stop: async (cause, deadlineMs) => {
      if (!controller.signal.aborted) controller.abort(new StopCause(cause));
      stopping ??= finish();
      return withDeadline(clock, stopping, deadlineMs);
    },
  };
}

/** The reason of the abort signal of a service that was stopped. */
export class StopCause extends Error {
  override readonly name = 'StopCause';
}

async function withDeadline(
  clock: Clock,
  work: Promise<void>,
  deadlineMs: number,
): Promise<StopResult> {
  const timer = new AbortController();
  try {
    const expired = clock.sleep(deadlineMs, timer.signal).then((): StopResult => 'deadline');
    expired.catch(() => undefined); // aborted below, once the work has won
    return await Promise.race([work.then((): StopResult => 'stopped'), expired]);
  } finally {
    timer.abort(OVER);
  }
}
