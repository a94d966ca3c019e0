// Events of a job's log that come when a test says so, and a handler that serves them.
import type { Handler } from '../../src/api/handler.ts';
import type { JobLogEvent } from '../../src/client/job-log.ts';
import type { jobRoutes } from '../../src/contract/job/route.ts';

export interface LineSource {
  readonly handler: Handler<typeof jobRoutes.followJobLog>;
  /** Streams that were begun and have not ended. */
  readonly open: number;
  /** Events that were taken from it. */
  readonly said: number;
  say(line: string): void;
  end(): void;
  /** The next event is an error. */
  fail(error: Error): void;
}

export interface LineSourceOptions {
  /** Never without a next line. */
  readonly endless?: string | undefined;
}

export function createLineSource({ endless }: LineSourceOptions = {}): LineSource {
  const waiting: (JobLogEvent | Error)[] = [];
  let wake = (): void => undefined;
  let open = 0;
  let said = 0;
  let lastSeq = 0;

  const add = (entry: JobLogEvent | Error): void => {
    waiting.push(entry);
    wake();
  };
  const lineOf = (line: string): JobLogEvent => {
    const data = {
      attempt: 1,
      seq: lastSeq,
      at: '2026-01-02T08:00:00Z',
      level: 'info',
      line,
    } as const;
    lastSeq += 1;
    return { event: 'line', id: `1.${data.seq}`, data };
  };
  async function* events(signal: AbortSignal): AsyncGenerator<JobLogEvent, void, undefined> {
    open += 1;
    try {
      for (;;) {
        const next = waiting.shift() ?? (endless === undefined ? undefined : lineOf(endless));
        if (signal.aborted) return;
        if (next instanceof Error) throw next;
        if (next !== undefined) {
          said += 1;
          yield next;
          if (next.event === 'end') return;
          continue;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
      }
    } finally {
      open -= 1;
    }
  }

  return {
    handler: async ({ signal }) => ({ status: 200, body: events(signal) }),
    get open() {
      return open;
    },
    get said() {
      return said;
    },
    say: (line) => add(lineOf(line)),
    end: () => {
      const data = {
        status: 'succeeded',
        error: null,
        error_code: null,
        truncated: false,
        pruned: false,
      } as const;
      add({ event: 'end', id: `1.${lastSeq}`, data });
    },
    fail: add,
  };
}
