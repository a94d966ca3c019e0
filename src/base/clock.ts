// The only source of time. Nothing outside src/base reads the ambient clock or sets a timer.

/** A moment, in whole milliseconds since 1970-01-01T00:00:00Z. */
export type Instant = number;

export interface Clock {
  /** Wall-clock time. For deciding anything shared, ask the database instead. */
  now(): Instant;
  /** Milliseconds from a fixed, arbitrary start; never goes backwards. For measuring durations. */
  monotonicMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason as Error);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, ms);
      signal?.addEventListener('abort', onAbort, { once: true });
    }),
};

/** RFC 3339 in UTC with milliseconds, as it goes over the wire. */
export function formatInstant(at: Instant): string {
  return new Date(at).toISOString();
}

const RFC_3339 = /^(\d{4}-\d{2}-\d{2})T([01]\d|2[0-3]):\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

/** The instant an RFC 3339 text names, or undefined when it is not one. Digits past the millisecond are cut. */
export function parseInstant(text: string): Instant | undefined {
  const date = RFC_3339.exec(text)?.[1];
  if (date === undefined) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) || !isDate(date) ? undefined : at;
}

/** Date.parse takes 30 February for 2 March. */
function isDate(date: string): boolean {
  const at = Date.parse(`${date}T00:00:00Z`);
  return formatInstant(at).startsWith(date);
}
